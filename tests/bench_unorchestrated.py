"""A finished run gone through once more without Prefect: by how much `tspo run` takes longer, that is orchestration.

`python -m tests.bench_unorchestrated CDM OUT PROTOCOL`: OUT is the folder of a finished run of the protocol, whose
tables and models are found again; release and report are made anew, as in every run.
"""

import sys

from cohort.study import RunSettings
from cohort.unorchestrated import run_unorchestrated

if __name__ == "__main__":
    run_unorchestrated(RunSettings(cdm=sys.argv[1], out=sys.argv[2], protocol=sys.argv[3]))
