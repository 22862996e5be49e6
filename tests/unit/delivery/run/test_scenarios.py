"""Given a file and what its jobs did: which jobs run, in which order, with which results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pratique.delivery.expressions.macros import Variable
from pratique.delivery.run.outcomes import Admission
from pratique.delivery.run.variables import RunInputs

from .. import conftest as runs  # noqa: TID252 - the runs of the tests of delivery.

WORDS = {"ok": "Succeeded", "issues": "SucceededWithIssues", "fail": "Failed", "cancel": "Canceled", "skip": "Skipped"}
NONE: list[str] = []


def steps() -> list[dict[str, str]]:
    return [{"script": "echo", "name": "S"}]


def job(name: str, after: object = None, when: str = "", **more: Any) -> dict[str, Any]:
    return {"job": name, **_common(after, when), "steps": steps(), **more}


def deployment(name: str, after: object = None, when: str = "", strategy: object = None, **more: Any) -> dict[str, Any]:
    return {
        "deployment": name,
        "environment": "qa",
        **_common(after, when),
        "strategy": strategy or {"runOnce": {"deploy": {"steps": steps()}}},
        **more,
    }


def stage(name: str, *jobs: dict[str, Any], after: object = None, when: str = "", **more: Any) -> dict[str, Any]:
    return {"stage": name, **_common(after, when), "jobs": list(jobs) or [job("J")], **more}


def _common(after: object, when: str) -> dict[str, Any]:
    return ({"dependsOn": after} if after is not None else {}) | ({"condition": when} if when else {})


def hooks(*names: str) -> dict[str, Any]:
    return {name: {"steps": steps()} for name in names}


@dataclass(frozen=True)
class Scenario:
    id: str
    stages: list[dict[str, Any]]
    expect: str
    """NAME=RESULT …, for stages and for jobs as STAGE.JOB."""
    outcomes: Mapping[str, Any] = field(default_factory=dict)
    order: str = ""
    """What is started together, rounds separated by |."""
    root: Mapping[str, Any] = field(default_factory=dict)
    inputs: RunInputs = field(default_factory=RunInputs)
    checks: Mapping[str, Admission] = field(default_factory=dict)
    cancel_after: int = -1
    variables: Mapping[str, str] = field(default_factory=dict)
    """UNIT:VARIABLE and its value."""


def produced(value: str, name: str = "v") -> tuple[str, dict[str, str]]:
    """A job that succeeded and set an output variable of its step S."""
    return "Succeeded", {f"S.{name}": value}


ON_MAIN = RunInputs(system={"Build.SourceBranch": "refs/heads/main", "Build.SourceBranchName": "main"})
ON_DEV = RunInputs(system={"Build.SourceBranch": "refs/heads/dev", "Build.SourceBranchName": "dev"})
GROUPS = RunInputs(
    groups={
        "Dev": (Variable("ws", "dev-ws"), Variable("key", "s3cret", is_secret=True)),
        "qa": (Variable("ws", "qa-ws"),),
    }
)
QUEUED = RunInputs(queued=(Variable("x", "queued"), Variable("y", "queued")))
IS_MAIN = "eq(variables['Build.SourceBranch'], 'refs/heads/main')"
CANARY = {"canary": {"increments": [10, 50], **hooks("preDeploy", "deploy", "postRouteTraffic")}}

SCENARIOS = [
    # --- order of stages
    Scenario("one stage after the other", [stage("A"), stage("B"), stage("C")], "A=ok B=ok C=ok run=ok",
             order="A.J | B.J | C.J"),
    Scenario("an empty dependsOn runs beside", [stage("A"), stage("B", after=NONE)], "A=ok B=ok", order="A.J B.J"),
    Scenario("an empty text for dependsOn is none", [stage("A"), stage("B", after="")], "B=ok", order="A.J B.J"),
    Scenario("fan out and in", [stage("A"), stage("B", after="A"), stage("C", after="A"), stage("D", after=["B", "C"])],
             "D=ok", order="A.J | B.J C.J | D.J"),
    Scenario("a stage waits only for what it names", [stage("A"), stage("B"), stage("C", after="A")], "C=ok",
             order="A.J | B.J C.J"),
    Scenario("dependsOn does not mind case", [stage("A"), stage("B", after="a")], "B=ok", order="A.J | B.J"),
    # --- failures
    Scenario("a failure skips what follows", [stage("A"), stage("B"), stage("C")], "A=fail B=skip C=skip run=fail",
             {"A.J": "Failed"}, order="A.J"),
    Scenario("issues do not", [stage("A"), stage("B")], "A=issues B=ok run=issues", {"A.J": "SucceededWithIssues"}),
    Scenario("failed() runs after a failure", [stage("A"), stage("B", when="failed()")], "A=fail B=ok run=fail",
             {"A.J": "Failed"}),
    Scenario("failed() is skipped after success", [stage("A"), stage("B", when="failed()")], "B=skip run=ok"),
    Scenario("failed() sees the whole graph", [stage("A"), stage("B"), stage("C", when="failed()")],
             "A=fail B=skip C=ok", {"A.J": "Failed"}),
    Scenario("always() runs after a failure", [stage("A"), stage("B", when="always()")], "B=ok run=fail",
             {"A.J": "Failed"}),
    Scenario("succeededOrFailed() runs after a failure", [stage("A"), stage("B", when="succeededOrFailed()")],
             "B=ok", {"A.J": "Failed"}),
    Scenario("succeeded() sees the whole graph", [stage("A"), stage("B", when="always()"), stage("C")],
             "A=fail B=ok C=skip", {"A.J": "Failed"}),
    Scenario("succeeded('B') sees B only",
             [stage("A"), stage("B", when="always()"), stage("C", when="succeeded('B')")], "A=fail B=ok C=ok",
             {"A.J": "Failed"}),
    Scenario("failed('A') sees A only", [stage("A"), stage("B", after=NONE), stage("C", after=["A", "B"],
             when="failed('A')")], "C=skip", {"B.J": "Failed"}),
    Scenario("failed with several names wants one", [stage("A"), stage("B", after=NONE), stage("C", after=["A", "B"],
             when="failed('A', 'B')")], "C=ok", {"B.J": "Failed"}),
    Scenario("succeeded with several names wants all", [stage("A"), stage("B", after=NONE), stage("C",
             after=["A", "B"], when="succeeded('A', 'B')")], "C=skip", {"B.J": "Failed"}),
    Scenario("a name that is no dependency fails the stage", [stage("A"), stage("B", after=NONE,
             when="succeeded('A')")], "B=fail"),
    Scenario("a failure beside does not matter", [stage("A"), stage("B", after=NONE), stage("C", after="B")],
             "A=fail C=ok run=fail", {"A.J": "Failed"}),
    # --- skips
    Scenario("a skipped stage skips its dependents", [stage("A", when="false"), stage("B"), stage("C")],
             "A=skip B=skip C=skip run=ok"),
    Scenario("succeededOrFailed() is skipped when all before were", [stage("A", when="false"), stage("B",
             when="succeededOrFailed()")], "B=skip"),
    Scenario("not(canceled()) runs after a skip", [stage("A", when="false"), stage("B", when="not(canceled())")],
             "A=skip B=ok"),
    Scenario("always() runs after a skip", [stage("A", when="false"), stage("B", when="always()")], "B=ok"),
    Scenario("one skipped of two dependencies", [stage("A"), stage("B", after=NONE, when="false"), stage("C",
             after=["A", "B"])], "C=skip"),
    Scenario("a skip far up", [stage("One"), stage("TwoA", after="One", when="false"), stage("Three", after="TwoA",
             when="not(failed())"), stage("Four", after=["One", "Three"])], "TwoA=skip Three=ok Four=skip"),
    Scenario("results of a skipped stage can be asked for", [stage("A", when="false"), stage("B",
             when="in(dependencies.A.result, 'Succeeded', 'Skipped')")], "B=ok"),
    Scenario("a stage with only skipped jobs is skipped", [stage("A", job("J", when="false")), stage("B")],
             "A=skip A.J=skip B=skip"),
    Scenario("a stage with one skipped job is not", [stage("A", job("J", when="false"), job("K")), stage("B")],
             "A=ok A.J=skip A.K=ok B=ok"),
    # --- own conditions replace the default
    Scenario("a condition replaces the default", [stage("A"), stage("B", when=IS_MAIN)], "A=fail B=ok",
             {"A.J": "Failed"}, inputs=ON_MAIN),
    Scenario("and(succeeded(), …) keeps it", [stage("A"), stage("B", when=f"and(succeeded(), {IS_MAIN})")],
             "A=fail B=skip", {"A.J": "Failed"}, inputs=ON_MAIN),
    Scenario("another branch", [stage("A"), stage("B", when=f"and(succeeded(), {IS_MAIN})")], "B=skip", inputs=ON_DEV),
    Scenario("a bare variable is a condition", [stage("A", when="variables['AKS']"), stage("B", after=NONE,
             when="variables['none']")], "A=ok B=skip", root={"variables": {"AKS": "x"}}),
    Scenario("the text false is true", [stage("A", when="variables['no']")], "A=ok",
             root={"variables": {"no": "false"}}),
    Scenario("compared with true the text false is not", [stage("A", when="eq(variables['no'], true)")], "A=skip",
             root={"variables": {"no": "false"}}),
    Scenario("a condition on a variable of the stage", [stage("A", when="eq(variables.x, '1')",
             variables={"x": "1"})], "A=ok"),
    Scenario("coalesce with a default", [stage("A", when="and(succeeded(), eq(coalesce(variables['auto'], 'true'), "
             "'true'))")], "A=ok"),
    Scenario("a condition that cannot be evaluated fails the stage", [stage("A", when="gt(1, 'x')"), stage("B",
             when="failed()")], "A=fail B=ok"),
    # --- jobs
    Scenario("jobs run side by side", [stage("A", job("J"), job("K"))], "A=ok", order="A.J A.K"),
    Scenario("jobs wait for dependsOn", [stage("A", job("J"), job("K", after="J"), job("L", after=["J", "K"]))],
             "A=ok", order="A.J | A.K | A.L"),
    Scenario("a failed job skips its dependents, not its siblings", [stage("A", job("J"), job("K", after="J"),
             job("L"))], "A=fail A.K=skip A.L=ok", {"A.J": "Failed"}),
    Scenario("a job with failed()", [stage("A", job("J"), job("K", after="J", when="failed()"))], "A.K=ok A=fail",
             {"A.J": "Failed"}),
    Scenario("a job with always()", [stage("A", job("J"), job("K", after="J", when="always()"))], "A.K=ok",
             {"A.J": "Failed"}),
    Scenario("a skipped job skips its dependents", [stage("A", job("J", when="false"), job("K", after="J"))],
             "A.K=skip A=skip"),
    Scenario("skipped is allowed by name", [stage("A", job("a", when="false"), job("b"), job("c", after=["a", "b"],
             when="and(in(dependencies.a.result, 'Succeeded', 'SucceededWithIssues', 'Skipped'), "
             "in(dependencies.b.result, 'Succeeded', 'SucceededWithIssues', 'Skipped'))"))], "A.c=ok A=ok"),
    Scenario("continueOnError makes a failure an issue", [stage("A", job("J", continueOnError="true"),
             job("K", after="J")), stage("B")], "A.J=issues A.K=ok A=issues B=ok run=issues", {"A.J": "Failed"}),
    Scenario("a job that was canceled alone", [stage("A"), stage("B"), stage("C", when="always()")],
             "A=cancel B=skip C=ok", {"A.J": "Canceled"}),
    Scenario("a condition of a job that fails", [stage("A", job("J", when="gt(1, 'x')"))], "A.J=fail A=fail"),
    # --- outputs, in all their spellings
    Scenario("an output in a job's condition", [stage("A", job("J"), job("K", after="J",
             when="eq(dependencies.J.outputs['S.v'], 'go')"))], "A.K=ok", {"A.J": produced("go")}),
    Scenario("an output that says no", [stage("A", job("J"), job("K", after="J",
             when="eq(dependencies.J.outputs['S.v'], 'go')"))], "A.K=skip", {"A.J": produced("stop")}),
    Scenario("an output in a job's variable", [stage("A", job("J"), job("K", after="J",
             variables={"x": "$[ dependencies.J.outputs['S.v'] ]"}))], "A=ok", {"A.J": produced("7")},
             variables={"A.K:x": "7"}),
    Scenario("an output of a job that is no dependency is empty", [stage("A", job("J"), job("L"), job("K", after="L",
             variables={"x": "$[ dependencies.J.outputs['S.v'] ]"}))],
             "A=ok", {"A.J": produced("7")}, variables={"A.K:x": ""}),
    Scenario("an output in a stage's condition", [stage("A"), stage("B",
             when="eq(dependencies.A.outputs['J.S.v'], 'true')")], "B=ok", {"A.J": produced("true")}),
    Scenario("an unchanged model skips the promotion", [stage("DevRun", job("Training")), stage("QAPromote",
             deployment("D"), when="eq(dependencies.DevRun.outputs['Training.S.runme'], 'true')")],
             "DevRun=ok QAPromote=skip run=ok", {"DevRun.Training": produced("false", "runme")}),
    Scenario("a stage's condition without succeeded() runs after a failure", [stage("A"), stage("B",
             when="eq(dependencies.A.outputs['J.S.v'], 'true')")], "A=fail B=ok",
             {"A.J": ("Failed", {"S.v": "true"})}),
    Scenario("the spelling of jobs says nothing in a stage's condition", [stage("A"), stage("B",
             when="eq(stageDependencies.A.J.outputs['S.w'], 'x')")], "B=skip", {"A.J": produced("true")}),
    Scenario("an output of an earlier stage in a job's variable", [stage("A"), stage("B", job("K",
             variables={"x": "$[ stageDependencies.A.J.outputs['S.v'] ]"}))], "B=ok", {"A.J": produced("7")},
             variables={"B.K:x": "7"}),
    Scenario("an output of an earlier stage in a stage's variable", [stage("A"), stage("B",
             variables={"x": "$[ stageDependencies.A.J.outputs['S.v'] ]"})], "B=ok", {"A.J": produced("7")},
             variables={"B.J:x": "7"}),
    Scenario("an output of an earlier stage in a job's condition", [stage("A"), stage("B", job("K",
             when="eq(stageDependencies.A.J.outputs['S.v'], '7')"), job("L"))], "B.K=ok", {"A.J": produced("7")}),
    Scenario("an output of a stage far up", [stage("A"), stage("B"), stage("C", job("K",
             variables={"x": "$[ stageDependencies.A.J.outputs['S.v'] ]"}))], "C=ok", {"A.J": produced("7")},
             variables={"C.K:x": "7"}),
    Scenario("a stage that is no dependency gives nothing", [stage("A"), stage("B", job("K",
             variables={"x": "$[ stageDependencies.A.J.outputs['S.v'] ]"}), after=NONE)], "B=ok",
             {"A.J": produced("7")}, variables={"B.K:x": ""}),
    Scenario("a result of a job of an earlier stage", [stage("A", job("J"), job("K")), stage("B", job("L",
             when="eq(stageDependencies.A.J.result, 'Failed')"), when="always()")], "B.L=ok", {"A.J": "Failed"}),
    Scenario("a deployment's output in the same stage", [stage("A", deployment("D"), job("K", after="D",
             variables={"x": "$[ dependencies.D.outputs['D.S.v'] ]", "y": "$[ dependencies.D.outputs['deploy.S.v'] ]"}
             ))], "A=ok", {"A.D.deploy": produced("7")}, variables={"A.K:x": "7", "A.K:y": "7"}),
    Scenario("a deployment with several hooks", [stage("A", deployment("D",
             strategy={"runOnce": hooks("preDeploy", "deploy")}), job("K", after="D", variables={
                 "x": "$[ dependencies.D.outputs['preDeploy.S.v'] ]", "y": "$[ dependencies.D.outputs['deploy.S.v'] ]",
                 "z": "$[ dependencies.D.outputs['D.S.v'] ]"}))], "A=ok",
             {"A.D.preDeploy": produced("1"), "A.D.deploy": produced("2")}, order="A.D.preDeploy | A.D.deploy | A.K",
             variables={"A.K:x": "1", "A.K:y": "2", "A.K:z": ""}),
    Scenario("a deployment's output in a later stage", [stage("A", deployment("D")), stage("B", job("K",
             variables={"x": "$[ stageDependencies.A.D.outputs['D.S.v'] ]"}))], "B=ok",
             {"A.D.deploy": produced("7")}, variables={"B.K:x": "7"}),
    Scenario("a deployment's output in a stage's condition has the name twice", [stage("A", deployment("D")),
             stage("B", when="eq(dependencies.A.outputs['D.D.S.v'], '7')"),
             stage("C", after="A", when="eq(dependencies.A.outputs['D.S.v'], '7')")], "B=ok C=skip",
             {"A.D.deploy": produced("7")}),
    Scenario("a deployment to a resource", [stage("A", deployment("D", environment="qa.vm1"), job("K", after="D",
             variables={"x": "$[ dependencies.D.outputs['Deploy_vm1.S.v'] ]"}))], "A=ok",
             {"A.D.deploy": produced("7")}, variables={"A.K:x": "7"}),
    Scenario("a leg's output", [stage("A", job("M", strategy={"matrix": {"a": {"k": "1"}, "b": {"k": "2"}}}),
             job("K", after="M", variables={"x": "$[ dependencies.M.outputs['b.S.v'] ]"}))], "A=ok",
             {"A.M.a": produced("1"), "A.M.b": produced("2")}, order="A.M.a A.M.b | A.K", variables={"A.K:x": "2"}),
    Scenario("a canary's output", [stage("A", deployment("D", strategy=CANARY), job("K", after="D",
             variables={"x": "$[ dependencies.D.outputs['deploy_50.S.v'] ]"}))], "A=ok",
             {"A.D.deploy_10": produced("1"), "A.D.deploy_50": produced("2")}, variables={"A.K:x": "2"}),
    Scenario("outputs do not mind case", [stage("A"), stage("B",
             when="eq(DEPENDENCIES.a.Outputs['j.s.V'], 'true')")], "B=ok", {"A.J": produced("TRUE")}),
    # --- variables
    Scenario("the nearest variable wins", [stage("A", job("J", variables={"x": "job"}), job("K"),
             variables={"x": "stage"}), stage("B")], "A=ok", root={"variables": {"x": "root"}},
             variables={"A.J:x": "job", "A.K:x": "stage", "B.J:x": "root"}),
    Scenario("the last of one list wins", [stage("A", variables=[{"name": "x", "value": "1"},
             {"name": "X", "value": "2"}])], "A=ok", variables={"A.J:x": "2"}),
    Scenario("groups count in the order of the list", [stage("Dev", variables=[{"group": "dev"}]), stage("Qa")],
             "Qa=ok", root={"variables": [{"group": "dev"}, {"group": "qa"}]}, inputs=GROUPS,
             variables={"Dev.J:ws": "dev-ws", "Qa.J:ws": "qa-ws", "Dev.J:key": "s3cret"}),
    Scenario("a group may be named by a variable", [stage("A", variables=[{"name": "e", "value": "qa"},
             {"group": "$(e)"}])], "A=ok", inputs=GROUPS, variables={"A.J:ws": "qa-ws"}),
    Scenario("what was queued is below what the file says", [stage("A")], "A=ok", inputs=QUEUED,
             root={"variables": {"x": "file"}}, variables={"A.J:x": "file", "A.J:y": "queued"}),
    Scenario("a variable may be made of others", [stage("A")], "A=ok", root={"variables": {
             "namespace": "credit", "postfix": "0001", "ws": "mlw-$(namespace)-$(postfix)"}},
             variables={"A.J:ws": "mlw-credit-0001"}),
    Scenario("an expression sees the variables above it", [stage("A", variables={"x": "1",
             "y": "$[ format('{0}-{1}', variables.x, variables['Build.SourceBranchName']) ]"})], "A=ok",
             inputs=ON_MAIN, variables={"A.J:y": "1-main"}),
    Scenario("the platform's variables cannot be set over", [stage("A",
             variables={"Build.SourceBranchName": "mine"})], "A=ok", inputs=ON_MAIN,
             variables={"A.J:Build.SourceBranchName": "main"}),
    Scenario("a counter", [stage("A", variables={"n": "$[ counter('p', 100) ]"})], "A=ok",
             inputs=RunInputs(counter=lambda _, seed: seed + 3), variables={"A.J:n": "103"}),
    Scenario("a group that is not there fails the stage", [stage("A", variables=[{"group": "none"}])], "A=fail"),
    Scenario("a broken expression fails the job alone", [stage("A", job("J", variables={"x": "$[ gt(1, 'x') ]"}),
             job("K"))], "A.J=fail A.K=ok A=fail"),
    # --- matrix and parallel
    Scenario("legs have their variables", [stage("A", job("M", variables={"k": "0", "z": "k is $(k)"},
             strategy={"matrix": {"a": {"k": "1"}, "b": {"k": "2"}}}))], "A=ok",
             variables={"A.M.a:k": "1", "A.M.b:z": "k is 2"}),
    Scenario("maxParallel holds legs back", [stage("A", job("M", strategy={"maxParallel": 2, "matrix": {
             "a": {"k": "1"}, "b": {"k": "2"}, "c": {"k": "3"}}}))], "A=ok", order="A.M.a A.M.b | A.M.c"),
    Scenario("a failed leg fails the job, the others run", [stage("A", job("M", strategy={"maxParallel": 1, "matrix": {
             "a": {"k": "1"}, "b": {"k": "2"}}}))], "A.M=fail", {"A.M.a": "Failed"}, order="A.M.a | A.M.b"),
    Scenario("a matrix from an output", [stage("A", job("J"), job("M", after="J", strategy={
             "matrix": "$[ dependencies.J.outputs['S.v'] ]"}))], "A.M=ok",
             {"A.J": produced('{"a": {"k": 1}, "b": {"k": true}}')}, order="A.J | A.M.a A.M.b",
             variables={"A.M.a:k": "1", "A.M.b:k": "True"}),
    Scenario("a matrix that is none fails the job", [stage("A", job("J"), job("M", after="J", strategy={
             "matrix": "$[ dependencies.J.outputs['S.v'] ]"}))], "A.M=fail", {"A.J": produced("[1")}),
    Scenario("an empty matrix fails the job", [stage("A", job("J"), job("M", after="J", strategy={
             "matrix": "$[ dependencies.J.outputs['S.v'] ]"}))], "A.M=fail"),
    Scenario("a matrix from an output, one after the other", [stage("A", job("J"), job("M", after="J", strategy={
             "maxParallel": 1, "matrix": "$[ dependencies.J.outputs['S.v'] ]"}), job("K", after="M"))], "A.K=ok",
             {"A.J": produced('{"a": {}, "b": {}}')}, order="A.J | A.M.a | A.M.b | A.K"),
    Scenario("slices", [stage("A", job("P", strategy={"parallel": 3}))], "A=ok", order="A.P.1 A.P.2 A.P.3",
             variables={"A.P.2:System.JobPositionInPhase": "2", "A.P.2:System.TotalJobsInPhase": "3"}),
    # --- deployments
    Scenario("all hooks in order", [stage("A", deployment("D", strategy={"runOnce": {
             **hooks("preDeploy", "deploy", "routeTraffic", "postRouteTraffic"),
             "on": {"failure": {"steps": steps()}, "success": {"steps": steps()}}}}))], "A.D=ok",
             order="A.D.preDeploy | A.D.deploy | A.D.routeTraffic | A.D.postRouteTraffic | A.D.on_success"),
    Scenario("on failure", [stage("A", deployment("D", strategy={"runOnce": {
             **hooks("preDeploy", "deploy", "routeTraffic"),
             "on": {"failure": {"steps": steps()}, "success": {"steps": steps()}}}}))], "A.D=fail",
             {"A.D.deploy": "Failed"}, order="A.D.preDeploy | A.D.deploy | A.D.on_failure"),
    Scenario("a failed hook without on ends it", [stage("A", deployment("D", strategy={"runOnce": hooks("preDeploy",
             "deploy")}), job("K", after="D"))], "A.D=fail A.K=skip", {"A.D.preDeploy": "Failed"},
             order="A.D.preDeploy"),
    Scenario("a canary in its increments", [stage("A", deployment("D", strategy=CANARY))], "A.D=ok",
             order="A.D.preDeploy | A.D.deploy_10 | A.D.postRouteTraffic_10 | A.D.deploy_50 | A.D.postRouteTraffic_50",
             variables={"A.D.deploy_10:strategy.increment": "10", "A.D.deploy_50:strategy.name": "canary"}),
    Scenario("a canary that sings no more", [stage("A", deployment("D", strategy=CANARY))], "A.D=fail",
             {"A.D.postRouteTraffic_10": "Failed"}, order="A.D.preDeploy | A.D.deploy_10 | A.D.postRouteTraffic_10"),
    Scenario("rolling, two at a time", [stage("A", deployment("D", strategy={"rolling": {"maxParallel": 2,
             **hooks("deploy")}}))], "A.D=ok", order="A.D.deploy_m1 A.D.deploy_m2 | A.D.deploy_m3",
             inputs=RunInputs(targets={"qa": ("m1", "m2", "m3")}),
             variables={"A.D.deploy_m3:Environment.ResourceName": "m3"}),
    Scenario("rolling by per cent stops at a failure", [stage("A", deployment("D", strategy={"rolling": {
             "maxParallel": "50%", **hooks("deploy")}}))], "A.D=fail", {"A.D.deploy_m1": "Failed"},
             order="A.D.deploy_m1",
             inputs=RunInputs(targets={"qa": ("m1", "m2")})),
    # --- approvals and checks
    Scenario("a rejected stage fails", [stage("A"), stage("B"), stage("C", when="failed()")],
             "A=ok B=fail C=ok run=fail", checks={"B": Admission.REJECTED}),
    Scenario("an approval that expired skips the stage", [stage("A"), stage("B"), stage("C")],
             "B=skip C=skip run=ok", checks={"B": Admission.EXPIRED}),
    Scenario("a stage left out", [stage("A"), stage("B"), stage("C")], "B=skip A=ok C=ok",
             inputs=RunInputs(left_out=frozenset({"b"})), order="A.J | C.J"),
    # --- cancel
    Scenario("a cancel skips what has not begun", [stage("A"), stage("B"), stage("C")],
             "A=cancel B=skip C=skip run=cancel", cancel_after=1),
    Scenario("always() runs after a cancel", [stage("A"), stage("B", when="always()")], "B=ok run=cancel",
             cancel_after=1),
    Scenario("canceled() runs after a cancel", [stage("A"), stage("B", when="canceled()")], "B=ok run=cancel",
             cancel_after=1),
    Scenario("canceled() is skipped otherwise", [stage("A"), stage("B", when="canceled()")], "B=skip"),
    Scenario("not(canceled()) is skipped after a cancel", [stage("A"), stage("B", when="not(canceled())")], "B=skip",
             cancel_after=1),
    Scenario("a condition of one's own runs after a cancel", [stage("A"), stage("B", when="eq(1, 1)")], "B=ok",
             cancel_after=1),
    Scenario("succeeded() of a job without dependencies after a cancel", [stage("A", job("J"), job("K", after="J")),
             ], "A.J=cancel A.K=skip", cancel_after=1),
    Scenario("legs that have not begun are canceled", [stage("A", job("M", strategy={"maxParallel": 1, "matrix": {
             "a": {"k": "1"}, "b": {"k": "2"}}}))], "A.M=cancel run=cancel", order="A.M.a", cancel_after=1),
]  # fmt: skip


def test_there_are_enough_scenarios() -> None:
    assert len(SCENARIOS) >= 80
    assert len({scenario.id for scenario in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_a_run_goes_as_its_scenario_says(scenario: Scenario) -> None:
    pipeline = runs.pipeline_of({**scenario.root, "stages": scenario.stages})
    ran = runs.played(
        pipeline,
        scenario.outcomes,
        inputs=scenario.inputs,
        checks=scenario.checks,
        cancel_after=scenario.cancel_after,
    )
    assert ran.result is not None, "the run came to an end"
    results = {**ran.results, "run": str(ran.result)}
    expected = dict(word.split("=") for word in scenario.expect.split())
    assert {name: results[name] for name in expected} == {name: WORDS[word] for name, word in expected.items()}
    if scenario.order:
        assert " | ".join(" ".join(units) for units in ran.rounds) == scenario.order
    found = {key: ran.variables[key.split(":")[0]].text(key.split(":")[1]) for key in scenario.variables}
    assert found == dict(scenario.variables)
