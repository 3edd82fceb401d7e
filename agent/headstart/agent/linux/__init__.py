"""The kernel's interfaces, read and parsed: /proc, /sys, control groups, netlink, namespaces."""

__all__ = [
    "affinity",
    "cgroup",
    "cgroup_paths",
    "cpu_clock",
    "exit_accounting",
    "mountinfo",
    "netns",
    "parent_death",
    "paths",
    "proc_connector",
    "sysfs",
]
