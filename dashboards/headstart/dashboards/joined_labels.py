"""Labels made of others, for rows, columns and legends that have room for one."""

_SEPARATOR = '" · "'
# What a CPU's model says that others of its kind say too: "Intel Xeon Gold 6230" is left of
# "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz".
_SHORT_CPU = "(.+?)( CPU)?( @.*)?"
_MARK = "(.+)[(](?:R|TM)[)](.*)"
_MARKS = 2


def joined(expr: str, target: str, *labels: str) -> str:
    """`expr` with the label `target`, made of several."""
    sources = ", ".join(f'"{label}"' for label in labels)
    return f'label_join({expr}, "{target}", {_SEPARATOR}, {sources})'


def with_cpu(expr: str) -> str:
    """`expr` with the label `cpu`: the CPU's model without what every one of its kind says."""
    short = f'label_replace({expr}, "cpu", "$1", "cpu_model", "{_SHORT_CPU}")'
    for _ in range(_MARKS):
        short = f'label_replace({short}, "cpu", "$1$2", "cpu", "{_MARK}")'
    return short
