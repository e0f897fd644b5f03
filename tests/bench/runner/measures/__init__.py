"""What is measured: a measure a file, or a few that belong together. A measure has a `name`, the targets that it `applies` to,
and `run(bench, names)`, which starts these targets as it needs them and adds a row of figures for each."""

from measures.big import BigValues
from measures.half_load import HalfLoad
from measures.mix import Mix
from measures.profile import Profile
from measures.scaling import Keys, Tenants
from measures.sessions import Idle, SignIns, Storm
from measures.shapes import Shapes

BY_NAME = {measure.name: measure for measure in (Shapes(), HalfLoad(), Storm(), SignIns(), Idle(), Tenants(), Keys(), Mix(),
                                                 BigValues(), Profile())}
NAMES = tuple(BY_NAME)
