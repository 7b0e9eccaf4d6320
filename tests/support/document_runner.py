"""A process of its own runs the steps of one page: `python document_runner.py STEPS RESULTS`.

Not part of the package. STEPS is a JSON file with a list of [language, text, line, name]. Python
steps share the names of `__main__`, as the cells of a notebook do. The process ends at the first
step that fails. RESULTS gets a JSON list of the steps' outputs.
"""

import json
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path


def run_step(language, text, line, name):
    """The reason of a failure, or None."""
    if language == "sh":
        command = ["bash", "-eu", "-o", "pipefail", "-c", text]
        status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
        return None if status == 0 else f"ended with status {status}"
    try:
        # Empty lines give tracebacks the lines of the page.
        exec(compile("\n" * (line - 1) + text, name, "exec"), vars(sys.modules["__main__"]))
    except BaseException:
        traceback.print_exc()
        return "raised an error"
    return None


def captured(step):
    """The output of a step, also of the processes that it starts, and the reason of a failure."""
    sys.stdout.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        failure = run_step(*step)
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        file.seek(0)
        return file.read().decode("utf-8", "replace"), failure


def main():
    # Pages show bfloat16 on every CPU.
    warnings.filterwarnings("ignore", "model: compute_dtype is 'bfloat16', but this CPU has no")
    steps = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    target = Path(sys.argv[2]).absolute()
    results = []
    for step in steps:
        output, failure = captured(step)
        results.append({"output": output, "failure": failure})
        target.write_text(json.dumps(results), "utf-8")
        if failure:
            sys.exit(1)


if __name__ == "__main__":
    sys.path[0] = ""  # a page's programs import the files that the page saves
    main()
