"""A pipeline as a frozen value: what its expanded files mean.

    Pipeline ─ Stage ─ Job ─ Step
               plain jobs hold steps; deployment jobs hold hooks of steps

Text that only a run can finish stays text: conditions, `$[ ]` and `$( )`. An
implicit stage is called `__default`, an implicit job `Job`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pratique.delivery.nodes import Place

DEFAULT_STAGE: Final = "__default"
DEFAULT_JOB: Final = "Job"
DEFAULT_NAME: Final = "$(Date:yyyyMMdd).$(Rev:r)"
DEFAULT_TIMEOUT: Final = 60
"""Minutes of a job."""
DEFAULT_CANCEL_TIMEOUT: Final = 5
"""Minutes that a cancelled job may go on with its `always()` steps."""
HOOKS: Final = ("preDeploy", "deploy", "routeTraffic", "postRouteTraffic")
"""The hooks of a deployment in the order they run; then on.failure or on.success."""

Number: TypeAlias = int | str
"""A number, or the macro or expression that will be one."""
Switch: TypeAlias = bool | str
"""A boolean, or the macro or expression that will be one."""


@dataclass(frozen=True)
class Setting:
    """A variable with its value."""

    name: str
    value: str
    is_readonly: bool
    place: Place


@dataclass(frozen=True)
class Group:
    """A variable group; its variables are known to the run only."""

    name: str
    place: Place


VariableItem: TypeAlias = Setting | Group


@dataclass(frozen=True)
class Pool:
    """Where jobs run; every pool of agents is this machine."""

    is_server: bool = False
    """Agentless: no workspace and no scripts."""
    name: str = ""
    image: str = ""


@dataclass(frozen=True)
class Step:
    """One step; `script`, `bash`, `pwsh` and `powershell` are the tasks that they stand for."""

    kind: str
    """task, checkout, download or publish."""
    task: str
    """Name and major version as the table of tasks writes them, such as Bash@3; empty unless `kind` is task."""
    inputs: Mapping[str, str]
    place: Place
    name: str = ""
    """By which its outputs are known; empty: it has none."""
    display_name: str = ""
    condition: str = ""
    """Empty: succeeded()."""
    env: Mapping[str, str] = field(default_factory=dict)
    continue_on_error: Switch = False
    is_enabled: Switch = True
    timeout: Number = 0
    """Minutes; 0 leaves it to the job."""
    retries: Number = 0
    """Further attempts of a task that failed."""
    settable: tuple[str, ...] | None = None
    """The variables that its output may set; None: every one."""
    is_restricted: bool = False
    """Whether its output may ask for little: `commands: restricted` of its target."""


@dataclass(frozen=True)
class Matrix:
    """One leg for each set of variables; an expression gives them as JSON when the job starts."""

    legs: Mapping[str, Mapping[str, str]]
    expression: str = ""
    max_parallel: Number = 0
    """0: all at once."""


@dataclass(frozen=True)
class Slices:
    """The same job so many times."""

    count: Number


@dataclass(frozen=True)
class Hook:
    """The steps of one point in the life of a deployment."""

    name: str
    """One of `HOOKS`, on.failure or on.success."""
    steps: tuple[Step, ...]
    pool: Pool | None = None


@dataclass(frozen=True)
class Deploy:
    """How a deployment job deploys."""

    kind: str
    """runOnce, rolling or canary."""
    hooks: tuple[Hook, ...]
    increments: tuple[int, ...] = ()
    """Of a canary: per cents."""
    max_parallel: str = ""
    """Of a rolling deployment: a number or a per cent of the targets."""

    def hook(self, name: str) -> Hook | None:
        return next((hook for hook in self.hooks if hook.name == name), None)


Strategy: TypeAlias = Matrix | Slices | Deploy


@dataclass(frozen=True)
class StageEnvironment:
    """The environment that a deployment job deploys to, and that approvals belong to."""

    name: str
    resource: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Job:
    """A job, plain or deployment."""

    name: str
    place: Place
    display_name: str = ""
    is_deployment: bool = False
    pool: Pool = field(default_factory=Pool)
    depends_on: tuple[str, ...] = ()
    condition: str = ""
    """Empty: succeeded()."""
    condition_place: Place | None = None
    variables: tuple[VariableItem, ...] = ()
    strategy: Strategy | None = None
    steps: tuple[Step, ...] = ()
    """Of a plain job."""
    environment: StageEnvironment | None = None
    timeout: Number = DEFAULT_TIMEOUT
    """Minutes; 0: no limit."""
    cancel_timeout: Number = DEFAULT_CANCEL_TIMEOUT
    continue_on_error: Switch = False
    workspace_clean: str = ""
    """outputs, resources or all; empty: nothing is cleaned."""

    def all_steps(self) -> tuple[Step, ...]:
        """Every step, those of hooks in their order."""
        if not isinstance(self.strategy, Deploy):
            return self.steps
        return tuple(step for hook in self.strategy.hooks for step in hook.steps)


@dataclass(frozen=True)
class Stage:
    name: str
    place: Place
    jobs: tuple[Job, ...]
    display_name: str = ""
    depends_on: tuple[str, ...] = ()
    condition: str = ""
    """Empty: succeeded()."""
    condition_place: Place | None = None
    variables: tuple[VariableItem, ...] = ()
    lock_behavior: str = ""
    """sequential or runLatest; empty: the pipeline's, then runLatest."""
    is_manual: bool = False
    """Whether a person starts it."""
    is_skippable: bool = True

    def job(self, name: str) -> Job | None:
        """The job of that name, in any case."""
        return next((job for job in self.jobs if job.name.lower() == name.lower()), None)


@dataclass(frozen=True)
class Filter:
    """Names that are included, but for those that are excluded; nothing included means all."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class PushTrigger:
    """Which pushes start a run."""

    is_enabled: bool = True
    is_batched: bool = False
    """Whether pushes during a run wait and start one run together."""
    branches: Filter = Filter()
    paths: Filter = Filter()
    tags: Filter = Filter()


@dataclass(frozen=True)
class PullRequestTrigger:
    """Which pull requests start a run, by their target branch."""

    is_enabled: bool = True
    branches: Filter = Filter()
    paths: Filter = Filter()
    cancels_older: bool = True
    takes_drafts: bool = True


@dataclass(frozen=True)
class Schedule:
    cron: str
    """Five fields, in UTC."""
    place: Place
    display_name: str = ""
    branches: Filter = Filter()
    is_always: bool = False
    """Whether it runs without a change since the last scheduled run that succeeded."""
    is_batched: bool = False


@dataclass(frozen=True)
class Repository:
    """Another repository that the pipeline uses."""

    alias: str
    type: str
    name: str
    place: Place
    ref: str = ""
    endpoint: str = ""
    trigger: PushTrigger | None = None


@dataclass(frozen=True)
class PipelineResource:
    """Another pipeline whose runs this one reads or follows."""

    alias: str
    source: str
    place: Place
    project: str = ""
    version: str = ""
    branch: str = ""
    tags: tuple[str, ...] = ()
    is_triggering: bool = False
    trigger_branches: Filter = Filter()
    trigger_stages: tuple[str, ...] = ()
    trigger_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Webhook:
    """Events of the platform itself that the pipeline follows."""

    alias: str
    place: Place
    filters: tuple[tuple[str, str], ...] = ()
    """Path in the event, such as data.name, and the text that stands there."""


@dataclass(frozen=True)
class Resources:
    repositories: tuple[Repository, ...] = ()
    pipelines: tuple[PipelineResource, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    containers: tuple[str, ...] = ()
    """Aliases; a job that uses one is refused."""


@dataclass(frozen=True)
class Pipeline:
    """A whole pipeline."""

    stages: tuple[Stage, ...]
    place: Place
    name: str = DEFAULT_NAME
    """The format of run names."""
    appends_commit_message: bool = True
    variables: tuple[VariableItem, ...] = ()
    trigger: PushTrigger = PushTrigger()
    pull_requests: PullRequestTrigger = PullRequestTrigger()
    schedules: tuple[Schedule, ...] = ()
    resources: Resources = Resources()
    lock_behavior: str = ""

    def stage(self, name: str) -> Stage | None:
        """The stage of that name, in any case."""
        return next((stage for stage in self.stages if stage.name.lower() == name.lower()), None)
