"""Cold starts: drop the page cache before a trial."""

import os
from pathlib import Path

_DROP = Path("/proc/sys/vm/drop_caches")


def drop_page_cache(control: Path = _DROP) -> str | None:
    """Drop clean page cache, dentries and inodes of the host; why not, where it cannot.

    Dirty pages are written first: only clean ones can be dropped (kernel
    documentation, admin-guide/sysctl/vm.rst).
    """
    os.sync()
    try:
        control.write_text("3")
    except OSError as error:
        return f"the page cache stays warm: {control}: {error.strerror}"
    return None
