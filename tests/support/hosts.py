"""Two machines as trees of /proc and /sys: a server of bare metal, and a small guest."""

_CPUS = "sys/devices/system/cpu"

SERVER_CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R)   Gold 6230 CPU @ 2.10GHz
stepping\t: 7
microcode\t: 0x5003604
flags\t\t: fpu vme sse2 ht

processor\t: 1
model name\t: Another
"""
GUEST_CPUINFO = """\
processor\t: 0
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
stepping\t: 1
flags\t\t: fpu vme hypervisor sse2
"""


def _cpu(number: int, package: int, siblings: str) -> dict[str, str]:
    folder = f"{_CPUS}/cpu{number}"
    return {
        f"{folder}/topology/thread_siblings_list": f"{siblings}\n",
        f"{folder}/topology/physical_package_id": f"{package}\n",
        f"{folder}/topology/core_id": "0\n",
        f"{folder}/cache/index0/level": "1\n",
        f"{folder}/cache/index0/type": "Data\n",
        f"{folder}/cache/index0/size": "32K\n",
        f"{folder}/cache/index0/shared_cpu_list": f"{siblings}\n",
        f"{folder}/cache/index1/level": "1\n",
        f"{folder}/cache/index1/type": "Instruction\n",
        f"{folder}/cache/index1/size": "32K\n",
        f"{folder}/cache/index1/shared_cpu_list": f"{siblings}\n",
        f"{folder}/cache/index3/level": "3\n",
        f"{folder}/cache/index3/type": "Unified\n",
        f"{folder}/cache/index3/size": "28160K\n",
        # One for each package, and here each package has one core.
        f"{folder}/cache/index3/shared_cpu_list": f"{siblings}\n",
    }


# Two sockets, one core each, two threads a core: 0,2 and 1,3.
SERVER: dict[str, str] = {
    "proc/cpuinfo": SERVER_CPUINFO,
    "proc/meminfo": (
        "MemTotal:       32595000 kB\nMemFree:  1000 kB\nMemAvailable:   30000000 kB\n"
        "SwapTotal:       2097148 kB\nSwapFree:        2097148 kB\n"
        "HugePages_Total:       0\nHugepagesize:       2048 kB\nHugetlb:             0 kB\n"
    ),
    "proc/stat": "cpu  100 0 100 9700 100 0 0 0 0 0\ncpu0 1 2 3\n",
    "proc/loadavg": "0.05 0.10 0.20 1/300 4000\n",
    "proc/pressure/cpu": "some avg10=0.00 avg60=1.50 avg300=0.24 total=17468837\n",
    "proc/cmdline": "root=/dev/sda1 quiet\n",
    "proc/sys/kernel/osrelease": "6.8.0-45-generic\n",
    "proc/sys/kernel/randomize_va_space": "2\n",
    "proc/sys/kernel/numa_balancing": "1\n",
    "proc/sys/vm/swappiness": "60\n",
    "etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n',
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm\n",
    "sys/devices/system/node/node0/cpulist": "0,2\n",
    "sys/devices/system/node/node1/cpulist": "1,3\n",
    "sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
    "sys/class/dmi/id/product_name": "PowerEdge R640\n",
    f"{_CPUS}/online": "0-3\n",
    f"{_CPUS}/isolated": "\n",
    f"{_CPUS}/intel_pstate/no_turbo": "1\n",
    f"{_CPUS}/cpuidle/current_driver": "intel_idle\n",
    f"{_CPUS}/vulnerabilities/meltdown": "Not affected\n",
    f"{_CPUS}/vulnerabilities/spectre_v2": "Mitigation: Enhanced IBRS\n",
    **_cpu(0, 0, "0,2"),
    **_cpu(1, 1, "1,3"),
    **_cpu(2, 0, "0,2"),
    **_cpu(3, 1, "1,3"),
    **{f"{_CPUS}/cpu{cpu}/cpufreq/scaling_governor": "performance\n" for cpu in range(4)},
    **{f"{_CPUS}/cpu{cpu}/cpufreq/cpuinfo_max_freq": "3900000\n" for cpu in range(4)},
}

GUEST: dict[str, str] = {
    "proc/cpuinfo": GUEST_CPUINFO,
    "proc/meminfo": "MemTotal: 24684100 kB\nMemAvailable: 24000000 kB\n",
    "proc/stat": "cpu  8413 0 4647 233660 348 0 67 19 0 0\n",
    "proc/sys/kernel/osrelease": "6.18.44\n",
    "sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc kvm-clock\n",
    f"{_CPUS}/online": "0-1\n",
    f"{_CPUS}/cpu0/topology/thread_siblings_list": "0\n",
    f"{_CPUS}/cpu1/topology/thread_siblings_list": "1\n",
}
