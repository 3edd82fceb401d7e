"""Labels made of others, for rows, columns and legends that have room for one."""

_SEPARATOR = '" · "'
# "Intel(R) Xeon(R) Gold 6230" of "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz".
_SHORT_CPU = "(.+?)( CPU)?( @.*)?"


def joined(expr: str, target: str, *labels: str) -> str:
    """`expr` with the label `target`, made of several."""
    sources = ", ".join(f'"{label}"' for label in labels)
    return f'label_join({expr}, "{target}", {_SEPARATOR}, {sources})'


def with_cpu(expr: str) -> str:
    """`expr` with the label `cpu`: the CPU's model without what every one of its kind says."""
    return f'label_replace({expr}, "cpu", "$1", "cpu_model", "{_SHORT_CPU}")'
