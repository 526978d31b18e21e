"""Entry point of every worker process: ``python -I bootstrap.py CODE_FOLDER JOB_FILE``.

Started as a script, so it may import the standard library only until the code folder (ftcore's
child side and the plugin's package, copied by hash) is on the path.
"""

import sys


def start() -> int:
    """Put the code folder on the path, then run the job; returns the exit code."""
    code_folder, job_file = sys.argv[1:3]
    sys.path.insert(0, code_folder)
    from ftcore.worker.main import run_job_file

    return run_job_file(job_file)


if __name__ == "__main__":
    sys.exit(start())
