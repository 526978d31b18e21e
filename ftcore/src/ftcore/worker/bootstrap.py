"""Entry point of every worker: ``python -I bootstrap.py CODE_FOLDER JOB_FILE [RANKS[:NODE]]``.

Started as a script, so it may import the standard library only until the code folder (ftcore's
child side and the plugin's package, copied by hash) is on the path. With a number of ranks it
starts itself that many times, by torchrun; with its number among several machines (from 0), it
meets the others first.
"""

import sys


def start() -> int:
    """Put the code folder on the path, then run the job; returns the exit code."""
    code_folder, job_file, *ranks = sys.argv[1:]
    sys.path.insert(0, code_folder)
    if ranks:
        from ftcore.worker.ranks import run_ranks

        here, _, node = ranks[0].partition(":")
        return run_ranks(job_file, int(here), int(node) if node else None)
    from ftcore.worker.main import run_job_file

    return run_job_file(job_file)


if __name__ == "__main__":
    sys.exit(start())
