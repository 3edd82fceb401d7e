"""What a build adds to the sources: the platform of the wheel and the folder `deploy`, and the
commit in both packages."""

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The launch gate is a program for Linux on x86-64. It needs no libc; our dependencies have
# wheels from glibc 2.28 on (google-re2), and whoever has an older one is told so at once.
TAG = "py3-none-manylinux_2_28_x86_64"


class Headstart(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        wheel = self.target_name == "wheel"
        if wheel:
            build_data.update(pure_python=False, tag=TAG)
            build_data["shared_data"].update(self._deploy())
        root = Path(self.root)
        release = _release(root)
        # An unpacked sdist is no checkout; what its own build wrote is in it.
        place = f"headstart/words/{release.FILE}"
        commit = release.commit_of(root) or release.kept_commit(root / "words" / place)
        if commit is not None:
            self._folder = tempfile.TemporaryDirectory(prefix="headstart-build-")
            kept = Path(self._folder.name, release.FILE)
            kept.write_text(commit.as_json(), encoding="utf-8")
            build_data["force_include"][str(kept)] = place if wheel else f"words/{place}"

    def _deploy(self) -> dict[str, str]:
        """Each file of `deploy` that .gitignore does not name, and its place."""
        root = Path(self.root)
        names = (
            file.relative_to(root).as_posix() for file in root.glob("deploy/**/*") if file.is_file()
        )
        return {
            name: f"share/headstart/{name}"
            for name in sorted(names)
            if not self.build_config.path_is_excluded(name)
        }

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        folder = getattr(self, "_folder", None)
        if folder is not None:
            folder.cleanup()


def _release(root: Path) -> Any:
    """The module that knows how a commit is found; nothing of ours is installed here."""
    spec = importlib.util.spec_from_file_location(
        "release", root / "words/headstart/words/release.py"
    )
    if spec is None or spec.loader is None:
        raise RuntimeError("these are not the sources of Headstart: release.py is not there")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
