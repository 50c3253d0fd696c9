"""What Python does for somebody who pastes one block after another: names stay.

``python python_prompt.py FOLDER`` runs FOLDER/1.py, then FOLDER/2.py …, as soon as each is there, and says
in FOLDER/1.ended how it ended.  Not imported: it runs in the page's environment.
"""

import itertools
import os
import sys
import time
import traceback
from pathlib import Path


def main(folder: Path) -> None:
    sys.path[0] = ""
    names: dict[str, object] = {"__name__": "__main__"}
    for number in itertools.count(1):
        block = folder / f"{number}.py"
        while not block.exists():
            time.sleep(0.02)
        # As if it had been started after what was typed in the meantime.
        variables = (folder / f"{number}.environment").read_bytes().decode().split("\0")
        os.environ.update(dict(each.split("=", 1) for each in variables if each))
        code = 0
        try:
            exec(compile(block.read_text(), str(block), "exec"), names)  # noqa: S102 - its purpose
        except BaseException:  # noqa: BLE001 - whatever it is, it is printed
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        ended = folder / f"{number}.part"
        ended.write_text(str(code))
        ended.rename(folder / f"{number}.ended")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
