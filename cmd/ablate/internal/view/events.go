package view

import "ablate/pipeline/run"

// published lists every event that --json prints, for the schema. A test compares
// the list with the types of this package.
var published = []struct {
	event         Event
	commands, doc string
}{
	{Version{}, "every command", "The version of this format: the first line."},
	{Diagnostic{}, "every command", "An error or a warning."},

	{Created{}, "`init`", "A new study."},
	{Pin{}, "`init --upgrade`", "A remote source and what it is pinned to."},
	{Valid{}, "`validate`", "The study has no mistakes."},
	{Formatted{}, "`fmt`", "A file that was rewritten, or would be with `--check`."},
	{Stage{}, "`graph`", "A stage and what it depends on."},

	{PlanStep{}, "`plan`, `run`, `show`", "An instance, and what a run does with it."},
	{Estimate{}, "`plan`", "How long the trials to train will take, from timings in the store."},
	{Saved{}, "`plan`, `run`", "The training time that the cache saves."},
	{Failure{}, "`plan`, `show`", "The last attempt to compute an instance failed."},
	{PlanDifference{}, "`diff`", "An instance that differs between two plans."},

	{StageEvent{Type: run.StageStart}, "`run`, `plan --refresh`", "An instance starts."},
	{StageEvent{Type: run.StageWaiting}, "`run`, `plan --refresh`", "Another process is computing the instance."},
	{StageEvent{Type: run.StageProgress}, "`run`, `plan --refresh`", "An instance reports progress or a warning."},
	{StageEvent{Type: run.StageDone}, "`run`, `plan --refresh`", "An instance was computed."},
	{StageEvent{Type: run.StageHit}, "`run`, `plan --refresh`", "The store has the instance, now that its key is known."},
	{StageEvent{Type: run.StagePulled}, "`run`, `plan --refresh`", "An instance was pulled from the remote."},
	{StageEvent{Type: run.StageFailed}, "`run`, `plan --refresh`", "An instance failed."},
	{StageEvent{Type: run.StageRetry}, "`run`, `plan --refresh`", "An instance failed and is tried again."},
	{StageEvent{Type: run.StageDetached}, "`run`", "An instance continues on its executor, and the run no longer waits for it."},
	{Frozen{}, "`run`", "Declared contrasts were written into the lock file."},
	{Summary{}, "`run`", "Counts of instances by block at the end of a run."},
	{Uploaded{}, "`run`, `plan --refresh`", "What a run sent to the remote."},
	{Pulls{}, "`run`, `plan --refresh`", "The cost of pulling, against the cost of computing."},
	{Repeated{}, "`run --repeat`", "What the repetition of a cached instance found."},

	{Page{}, "`ui`", "Where the page is served."},
	{Status{}, "`status`", "The state of an instance."},
	{Log{}, "`logs`", "A piece of a log."},

	{Instance{}, "`show`", "An instance with its spec, key and results."},
	{Analysis{}, "`show`, `run`", "The result of an analysis."},
	{Number{}, "`show`, `export numbers`", "A named number and its origin."},
	{Explanation{}, "`explain`", "Why an instance is cached or not."},
	{Difference{}, "`diff`", "What differs between two instances or two selections of trials."},

	{Exported{}, "`export`, `report`, `power --figure`", "A file that was written."},
	{Contrast{}, "`export contrasts`", "A number of an analysis."},
	{Power{}, "`power`", "What a study with a number of replicates would find for a contrast."},
	{Mismatch{}, "`report --check`", "A number in a paper that does not match the study."},
	{Checked{}, "`report --check`", "Every number matches."},

	{CacheEntry{}, "`cache ls`", "An entry of the store."},
	{Usage{}, "`cache du`", "The space that one kind of entry takes."},
	{Damage{}, "`cache verify`", "A damaged blob."},
	{Verified{}, "`cache verify`", "Totals of a check."},
	{Garbage{}, "`cache gc`", "A file that can be removed."},
	{Collectable{}, "`cache gc`", "What a collection would remove, in all."},
	{Collected{}, "`cache gc --apply`", "Totals of a collection."},
	{Pinned{}, "`cache pin`", "A result that is kept from collection."},
	{Unpinned{}, "`cache unpin`", "A result that can be collected again."},
	{Disowned{}, "`cache disown`", "A result that was invalidated."},
	{DependsOnDisowned{}, "`cache disown`", "An instance that depends on an invalidated result."},
	{Moved{Verb: "pushed"}, "`cache push`", "An entry that was sent to the remote."},
	{Moved{Verb: "pulled"}, "`cache pull`", "An entry that was fetched from the remote."},
	{NotMoved{Verb: "pushed"}, "`cache push`", "An entry that could not be sent."},
	{NotMoved{Verb: "pulled"}, "`cache pull`", "An entry that could not be fetched."},
	{RemoteFailed{}, "`cache push`, `cache pull`", "The remote failed repeatedly; the rest was not tried."},
	{Serving{}, "`cache serve`", "The server is listening."},
	{Keys{}, "`cache keygen`", "A new pair of keys."},

	{Build{}, "`version`", "The program and the libraries that decide results."},
	{Backend{}, "`version --backends`", "A backend and whether it can be used."},
	{Kind{}, "`metadata`", "A kind of stage with its fields."},
	{EventDoc{}, "`metadata --events`", "An event of this page."},
}
