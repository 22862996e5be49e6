"""Types of jobs that this version does not run; apart from their classes, so that naming one imports none."""

from typing import Final

OTHER_TYPES: Final = {
    "pipeline": "pipeline jobs are",
    "sweep": "sweep jobs are",
    "parallel": "parallel jobs are",
    "spark": "Spark jobs are",
    "automl": "AutoML jobs are",
    "import": "import jobs are",
    "finetuning": "fine-tuning jobs are",
    "distillation": "distillation jobs are",
}
"""Types that Azure ML knows, and how a sentence about them begins."""
