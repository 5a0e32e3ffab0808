"""The sweep flow: searches settings by validation, trains the best ones with other seeds, and tests only these."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from prefect import flow
from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger

from artifacts import sweep as page
from artifacts.blocks import Drawing
from artifacts.figures.render import Picture, picture
from artifacts.publish import SweepPage, history_artifacts
from artifacts.wording.sweep import trial_line
from flows.environment import ending_within
from flows.ops.notify import FAILURES, add_tags, on_failure_hooks, publish_or_warn
from flows.promote import check_promotion
from flows.run import Run
from flows.search_settings import SweepSettings
from flows.settings import WITHOUT_TIME_LIMIT, Settings
from flows.train import promote_candidate, remove_old_runs, run_name
from tasks.analysis.comparison import read_predictions, summarize_models
from tasks.analysis.finalists import Rerun, choose, judge
from tasks.analysis.search import ROUND, Proposals, SweepJournal, importances, required_quality
from tasks.errors import OutOfTimeError, PipelineError, shortened
from tasks.evaluate import evaluate
from tasks.fetch import fetch
from tasks.job import Job, sharing_processors
from tasks.prepare import prepare
from tasks.results.data import Dataset, Source
from tasks.results.sweep import Importance, Sweep, SweepEnd, Trial, Value
from tasks.results.training import Branch
from tasks.storage.files import point, write_bytes
from tasks.storage.layout import CACHE, DATA, LATEST, MODELS, RECORD, REPORT, RUN_LOG, SWEEP_JOURNAL
from tasks.storage.run_log import append_to_run_log, summarize
from tasks.storage.runs import FinishedRun, in_use, mark_in_use, write_finished_run
from tasks.train import train

WORSE = "below the median of earlier trials"
REPORT_SECONDS = 60.0  # After Ctrl-C, what there is is drawn and written within this time.


@flow(name="sweep", flow_run_name=run_name, **on_failure_hooks("on_completion", *FAILURES))
def sweep_flow(settings: SweepSettings = SweepSettings()) -> Path:
    """Try settings, choose by validation, train the best ones and the present ones with other seeds, and test these."""
    with Run.begin(settings) as run:
        search = Search(run, settings.effective())
        stop: BaseException | None = None
        with in_use(run.folder, []), ending_within(REPORT_SECONDS):
            try:
                run.side_by_side(search.run_trials_and_finalists, [search.first_job()])
            except (KeyboardInterrupt, TerminationSignal) as signal:  # Prefect raises the second one for SIGTERM.
                if search.sweep.best is None:
                    raise
                stop = signal
                search.end("signal")
            search.write()
            if search.sweep.finalists:
                promote_candidate(run, run.folder)
        if stop:
            raise stop
        remove_old_runs(run)
        run.finish()
    return run.folder


class Search:
    """A sweep in progress.

    Attributes:
        sweep: what there is so far.
    """

    def __init__(self, run: Run, settings: SweepSettings) -> None:
        search = settings.search
        dimensions, present = search.dimensions(), settings.present()
        self._run, self._settings = run, settings
        self._proposals = Proposals(dimensions, search.sampler, present, settings.training.seed)
        self._journal = SweepJournal(run.folder / SWEEP_JOURNAL, dimensions)
        self._source: Source = run.do(fetch, settings.data.given(), settings.data.source, run.outputs / CACHE)
        self._began = time.time()
        self._folders: list[Path] = []
        self._datasets: dict[tuple[int, int, int | None], Dataset] = {}
        self._page = SweepPage()
        self.sweep = Sweep(
            run=run.name,
            dataset=self._dataset(settings),
            settings=settings.model_dump(mode="json"),
            command=settings.command(),
            dimensions=dimensions,
            planned=search.trials,
            sampler=search.sampler,
            pruner=search.pruner,
        )
        add_tags(f"data:{self.sweep.dataset.title}", *(f"search:{each.name}" for each in dimensions))
        if settings.promotion.promote:
            check_promotion(run.outputs, self.sweep.dataset, settings.promotion)

    def first_job(self) -> Job:
        """The job of trial 0, which has the present settings."""
        job = self._jobs(self._trial_settings(self._settings.present()), "trial 0")[0]
        job.check()
        return job

    def run_trials_and_finalists(self, run: Run, _: Sequence[Job]) -> None:
        """Run all trials, then train the best ones and the present settings again and test them.

        Raises:
            PipelineError: no trial completed an epoch.
        """
        self._run = run
        with run.progress.counting(self.sweep.planned) as show:
            while self.sweep.end == "running":
                self._run_round(show)
        trials = self.sweep.trials
        if self.sweep.best is None:
            raise PipelineError(f"sweep: none of {len(trials)} trials completed an epoch; trial 0: {trials[0].reason}")
        if run.deadline is None or time.time() < run.deadline:
            self._confirm()
        else:
            self.end("minutes")

    def end(self, end: SweepEnd) -> None:
        """Note why there are no more trials."""
        self.sweep = replace(self.sweep, end=end)

    def write(self) -> None:
        """Write and publish the report and, if finalists were tested, the run's record."""
        run = self._run
        weighed = run.attempt("importances", self._importances)
        self.sweep = replace(
            self.sweep, importances=weighed or (), notes=tuple(run.notes), durations=dict(run.clock.laps)
        )
        drawn = self._drawn()
        for name, make in page.files(self.sweep, drawn).items():
            content = run.attempt(name, make)
            if content is not None:
                write_bytes(run.folder / name, content)
        if self.sweep.finalists:
            self._record()
        get_run_logger().info("Report: %s", run.folder / REPORT)
        self._show(lambda: self._page.finish(self.sweep, drawn))

    def _run_round(self, show: Callable[[str], None]) -> None:
        """Train the next trials side by side, and use their results in the order of their numbers."""
        done, planned = self.sweep.trials, self.sweep.planned
        proposed = [self._settings.present()] if not done else []
        proposed += self._proposals.next_round(min(ROUND, planned - len(done)) - len(proposed))
        if not proposed:
            self.end("exhausted")
            return
        settings = [self._trial_settings(values) for values in proposed]
        jobs = [
            self._timed(self._jobs(each, f"trial {number}")[0], len(done) + len(proposed))
            for number, each in enumerate(settings, len(done))
        ]
        self._use([job.folder for job in jobs])
        jobs = [replace(job, required=self._required(job)) for job in sharing_processors(jobs, RECORD)]
        outcomes = self._run.outcomes(train, self._run.do_each(train, jobs, minutes=self._minutes()))
        for number, (values, its, job, outcome) in enumerate(
            zip(proposed, settings, jobs, outcomes, strict=True), len(done)
        ):
            self._add(trial_of(number, values, its, job, outcome), show)
        self._show(lambda: self._page.grow(self.sweep))
        if any(trial.state == "stopped" for trial in self.sweep.trials):
            self.end("minutes")
        elif len(self.sweep.trials) >= planned:
            self.end("complete")

    def _add(self, trial: Trial, show: Callable[[str], None]) -> None:
        """Use a trial that has ended."""
        self._proposals.tell(trial)
        self._journal.add(trial)
        self._folders += [trial.folder] if trial.folder else []  # A network that was stopped has one of its own.
        self.sweep = replace(self.sweep, trials=(*self.sweep.trials, trial), repeated=self._proposals.repeated)
        get_run_logger().info("%s", trial_line(self.sweep, trial))
        if self.sweep.best:
            show(f"best {self.sweep.best.quality:.4f} (trial {self.sweep.best.number})")

    @staticmethod
    def _show(publish: Callable[[], object]) -> None:
        """Publish the page; a failure to show it never disturbs the sweep."""
        try:
            publish()
        except Exception as error:
            get_run_logger().warning("The sweep's page in the UI could not be updated (%s)", shortened(error))

    def _confirm(self) -> None:
        """Train and test the finalists and the present settings with seeds that no trial used."""
        run = self._run
        chosen = choose(self.sweep.trials, self._settings.search.finalists)
        seed, seeds = self._settings.training.seed + 1, self._settings.training.replicates
        settings = [self._settings.with_values(trial.settings, seed, seeds) for trial in chosen]
        groups = [self._jobs(each, f"trial {trial.number}") for trial, each in zip(chosen, settings, strict=True)]
        jobs = [job for group in groups for job in group]
        self._use([job.folder for job in jobs])
        jobs = [replace(job, until=run.deadline, deadline=run.deadline) for job in sharing_processors(jobs, RECORD)]
        training = run.do_each(train, jobs, minutes=self._minutes())
        trained = run.results(train, training, are_needed=False)
        rows = [range(number * seeds, (number + 1) * seeds) for number in range(len(chosen))]
        whole = [number for number, its in enumerate(rows) if all(_is_complete(trained[row], jobs[row]) for row in its)]
        if len(whole) < len(chosen) and run.deadline is not None and time.time() >= run.deadline:
            self.end("minutes")
        # The other finalists look at the test reviews when the same command has completed them.
        tested = [row for number in whole for row in rows[number]]
        evaluating = run.do_each(evaluate, [jobs[row] for row in tested], [training[row] for row in tested])
        evaluated = dict(zip(tested, run.results(evaluate, evaluating, are_needed=False), strict=True))
        reruns = []
        for number in whole:
            branches = [branch for row in rows[number] if (branch := trained[row])]
            evaluations = [evaluation for row in rows[number] if (evaluation := evaluated[row])]
            if len(evaluations) == seeds:
                reruns.append(Rerun(chosen[number], tuple(branches), tuple(evaluations), settings[number].command()))
        self.sweep = replace(self.sweep, finalists=judge(reruns, self.sweep.dataset.is_uneven))

    def _trial_settings(self, values: Mapping[str, Value]) -> Settings:
        return self._settings.with_values(values, self._settings.training.seed)

    def _jobs(self, settings: Settings, group: str) -> list[Job]:
        """A job for each seed of the settings' only network."""
        dataset, plan, root = self._dataset(settings), settings.plan(), self._run.outputs / MODELS
        return [Job(settings.specs()[0], plan, dataset, seed, root, group=group) for seed in settings.seeds()]

    def _dataset(self, settings: Settings) -> Dataset:
        """The reviews with the sizes of these settings, prepared once."""
        data = settings.data
        sizes = data.vocabulary_size, data.max_length, data.reviews
        if sizes not in self._datasets:
            self._datasets[sizes] = self._run.do(prepare, self._source, *sizes, self._run.outputs / DATA)
            self._run.share.push(self._datasets[sizes])
        return self._datasets[sizes]

    def _timed(self, job: Job, trials: int) -> Job:
        """The job with a deadline: with `--minutes`, enough of them are left to train the finalists.

        The first `trials` trials and the re-runs of the finalists share the minutes in proportion to their numbers.
        """
        deadline = self._run.deadline
        if deadline is None:
            return job
        reruns = (self._settings.search.finalists + 1) * self._settings.training.replicates
        end = self._began + (deadline - self._began) * trials / (trials + reruns)
        return replace(job, until=end, deadline=end)

    def _required(self, job: Job) -> tuple[float, ...]:
        if self._settings.search.pruner == "none":
            return ()
        return required_quality(self.sweep.trials, job.plan.epochs)

    def _minutes(self) -> float | None:
        run = self._settings.run
        return None if run.runner in WITHOUT_TIME_LIMIT else run.timeout

    def _use(self, folders: Sequence[Path]) -> None:
        self._folders += folders
        mark_in_use(self._run.folder, self._folders)

    def _importances(self) -> tuple[Importance, ...]:
        return importances(self.sweep.dimensions, self.sweep.trials, self._settings.training.seed)

    def _drawn(self) -> dict[str, Picture]:
        """The figures; those that cannot be drawn are left out, and the run fails at its end."""
        made = {
            drawing.stem: self._run.attempt(drawing.stem, partial(self._draw, drawing))
            for drawing in page.drawings(self.sweep)
        }
        return {stem: drawn for stem, drawn in made.items() if drawn}

    def _draw(self, drawing: Drawing) -> Picture:
        return picture(drawing.draw(self.sweep))

    def _record(self) -> None:
        """Write the run's record, in which the winner's networks are those of the run, and add it to the run log."""
        run, winner = self._run, self.sweep.finalists[0]
        models = summarize_models(read_predictions(winner.evaluations), winner.evaluations)
        others = tuple(dict.fromkeys(self._folders))
        seed, seeds = winner.branches[0].seed, len(winner.branches)
        its = self._settings.with_values(winner.trial.settings, seed, seeds)
        dataset, groups = self._dataset(its), its.model_dump(mode="json", include={"data", "models", "training"})
        settings = self.sweep.settings | groups  # Those of the winner's networks, and what was searched.
        finished = FinishedRun(
            name=run.name,
            dataset=dataset,
            branches=winner.branches,
            models=models,
            settings=settings,
            command=self.sweep.command,
            durations=self.sweep.durations,
            others=others,
        )
        write_finished_run(run.folder, finished)
        point(run.outputs / LATEST, run.folder)
        rows = run.attempt(RUN_LOG, lambda: append_to_run_log(run.outputs, summarize(finished, time.time())))
        publish_or_warn(make() for make in (history_artifacts(rows) if rows else {}).values())


def _is_complete(branch: Branch | None, job: Job) -> bool:
    return branch is not None and len(branch.history) == job.plan.epochs


def trial_of(
    number: int, values: Mapping[str, Value], settings: Settings, job: Job, outcome: Branch | PipelineError
) -> Trial:
    """The record of a trial that has ended.

    Args:
        number, values: its number, and its values of the searched settings.
        settings: those of a run that trains it alone.
        job: how it was trained.
        outcome: what its training returned or raised.
    """
    trial = Trial(number, dict(values), "failed", "", (), None, settings.command(), 0.0)
    if isinstance(outcome, OutOfTimeError):
        return replace(trial, state="stopped", reason="no epoch was completed within --minutes")
    if isinstance(outcome, PipelineError):
        return replace(trial, reason=shortened(str(outcome).removeprefix(f"{job.label}: ")))
    epochs = job.plan.epochs
    outdone = job.outdone_after(outcome.history)
    history = outcome.history if outdone is None else outcome.history[:outdone]
    trial = replace(
        trial,
        state="complete",
        history=history,
        folder=outcome.folder,
        cpu_seconds=sum(epoch.cpu_seconds for epoch in history),
    )
    if len(history) == epochs:
        return trial
    if outdone is not None:
        return replace(trial, state="pruned", reason=f"{WORSE} after {outdone} of {epochs} epochs")
    return replace(trial, state="stopped", reason=f"--minutes were over after {len(history)} of {epochs} epochs")
