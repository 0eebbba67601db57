"""How much a job reads before it can start: what has to move when it runs away from its data."""

from sim.cost.merge import BYTES_PER_PARAMETER, models_read
from sim.cost.models import model_shape
from sim.cost.training import OPTIMISER_BYTES, WEIGHT_BYTES
from sim.scenario.workloads import EvaluationWorkload, MergeWorkload, TrainingWorkload


def data_bytes(work: MergeWorkload | TrainingWorkload | EvaluationWorkload, experts: int = 0) -> float:
    """Bytes of one job's data, as the scenario says or by its model; 0 where they have no home, and are taken to be everywhere.

    The models that a merge of `experts` reads; a training's checkpoint, optimiser state included; an evaluation's weights.
    """
    if work.data is None:
        return 0.0
    if work.data.size is not None:
        return work.data.size
    parameters = model_shape(work.model).parameters
    if isinstance(work, MergeWorkload):
        return float(models_read(work.method, experts) * parameters * BYTES_PER_PARAMETER)
    return float(parameters * (WEIGHT_BYTES + OPTIMISER_BYTES if isinstance(work, TrainingWorkload) else WEIGHT_BYTES))
