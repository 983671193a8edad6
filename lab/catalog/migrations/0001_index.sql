-- The index of journal and run folders. Everything here can be thrown away and rebuilt.
-- No keys and no foreign keys: one process writes, by MERGE, and DuckDB's key indexes cost more than they find.
-- Each `…_event` and `ending_rank` tells which event a part of a row comes from, so that events may arrive in any order.

CREATE TABLE meta (key VARCHAR, value VARCHAR);

-- How far each journal segment has been read; moved on in the same transaction as the rows.
CREATE TABLE segments (name VARCHAR, read_to BIGINT);

-- All events taken in: one that is met again changes nothing.
CREATE TABLE events (id VARCHAR, ts DOUBLE, type VARCHAR, subject VARCHAR);

CREATE TABLE damage (segment VARCHAR, line BIGINT, reason VARCHAR);

CREATE TABLE projects (name VARCHAR, root VARCHAR, event VARCHAR);
CREATE TABLE project_starts (name VARCHAR, created DOUBLE);

CREATE TABLE dataset_versions (
    project VARCHAR, dataset VARCHAR, number INTEGER, id VARCHAR, path VARCHAR, created DOUBLE, files BIGINT,
    bytes BIGINT, rows BIGINT, columns JSON, message VARCHAR, auto BOOLEAN, origin JSON, event VARCHAR
);
-- Tags, note, verdict of the expectations, retirement: the last event of each kind says what holds.
CREATE TABLE dataset_marks (project VARCHAR, dataset VARCHAR, number INTEGER, mark VARCHAR, value JSON, event VARCHAR);
CREATE TABLE dataset_aliases (project VARCHAR, dataset VARCHAR, alias VARCHAR, number INTEGER, event VARCHAR);

CREATE VIEW dataset_table AS
SELECT v.*, m.tags, m.note, m.checked, coalesce(m.retired, false) AS retired
FROM dataset_versions AS v LEFT JOIN (
    SELECT
        project, dataset, number,
        any_value(value) FILTER (mark = 'tagged') AS tags,
        any_value(value->>'$') FILTER (mark = 'noted') AS note,
        any_value(value) FILTER (mark = 'checked') AS checked,
        any_value(TRY_CAST(value AS BOOLEAN)) FILTER (mark = 'retired') AS retired
    FROM dataset_marks GROUP BY ALL
) AS m USING (project, dataset, number);

-- One wide row per run, so that a page of the run table is one scan and no join. Parameters and metrics are lists side
-- by side (name, value), to be searched and sorted, and once more JSON, to be shown. Values of parameters are read in
-- most filters: taking them out of a compressed form costs a tenth of a page.
CREATE TABLE runs (
    id VARCHAR,
    -- run.created
    name VARCHAR, project VARCHAR, entry VARCHAR, engine VARCHAR, image VARCHAR, code VARCHAR, patch VARCHAR,
    sweep VARCHAR, seed BIGINT, memory BIGINT, cpus DOUBLE, gpus INTEGER, launcher VARCHAR, queued BOOLEAN, params JSON, param_keys VARCHAR[], param_values VARCHAR[] USING COMPRESSION uncompressed,
    param_numbers DOUBLE[], datasets JSON, created DOUBLE, created_event VARCHAR,
    -- run.started, run.stop_requested
    launched DOUBLE, stop_requested DOUBLE, stop_reason VARCHAR, stop_event VARCHAR,
    -- run.ended
    ending VARCHAR, cause VARCHAR, exit_code INTEGER, entry_started DOUBLE, ended DOUBLE, metrics JSON,
    metric_keys VARCHAR[], metric_lasts DOUBLE[], peak_memory BIGINT, cpu_time DOUBLE, ending_rank VARCHAR,
    -- run.tagged, run.noted
    tags JSON, tags_event VARCHAR, notes VARCHAR, notes_event VARCHAR,
    -- run.renamed, run.starred, run.archived
    given_name VARCHAR, name_event VARCHAR, star BOOLEAN, star_event VARCHAR, away BOOLEAN, archive_event VARCHAR,
    -- run.created of a run that runs another one again; run.reproduced
    reproduces VARCHAR, swapped VARCHAR, given_badge VARCHAR, badge_note VARCHAR, badge_event VARCHAR,
    -- run.purged
    purged BOOLEAN, purge_batch VARCHAR, purged_at DOUBLE, purge_event VARCHAR,
    -- run.guard_fired: names of all that did
    fired VARCHAR[],
    -- run.claimed, run.placed, run.held: who starts it, its place in the queue (the least is first), whether it is held
    claim VARCHAR, claim_event VARCHAR, place DOUBLE, place_event VARCHAR, held BOOLEAN, held_event VARCHAR
);
-- Each guard that fired in a run, once.
CREATE TABLE run_firings (
    run VARCHAR, guard VARCHAR, "when" VARCHAR, "do" VARCHAR, step DOUBLE, "at" DOUBLE, evidence VARCHAR, event VARCHAR
);
-- Every edit of a run, a dataset version or an alias, to tell its history and to undo it: each event once.
CREATE TABLE edits (subject VARCHAR, event VARCHAR, ts DOUBLE, type VARCHAR, body JSON);
-- Filters that were given a name.
CREATE TABLE run_views (
    project VARCHAR, name VARCHAR, filter VARCHAR, sort VARCHAR, columns JSON, removed BOOLEAN, event VARCHAR
);
-- Names of parameters and metrics that any event told of: says what a bare name in a filter means without a scan.
CREATE TABLE run_keys (kind VARCHAR, key VARCHAR);

-- With the tombstones of those that were purged: lineage still knows them. Every column is named, and the hottest
-- queries read this view rather than the next: binding a star twice is a good part of a page's time.
CREATE VIEW all_runs AS
SELECT
    rowid AS spot, id, coalesce(given_name, name) AS name, name AS born, project, entry, engine, image, code, patch, sweep, seed, memory,
    cpus, gpus, coalesce(nullif(claim, ''), launcher) AS launcher, queued, params, param_keys, param_values, param_numbers,
    datasets, created, created_event, launched, stop_requested, stop_reason, ending, cause, exit_code,
    ended, metrics, metric_keys, metric_lasts, peak_memory, cpu_time, tags, notes, reproduces, swapped, badge_note,
    fired, claim, place, held, purge_batch, purged_at,
    coalesce(purged, false) AS purged,
    coalesce(star, false) AS starred,
    coalesce(away, false) AS archived,
    coalesce(entry_started, launched) AS started,
    coalesce(
        ending,
        CASE WHEN launched IS NOT NULL THEN 'running'
            WHEN queued AND coalesce(claim, '') = '' THEN 'queued' ELSE 'created' END
    ) AS status,
    ended - coalesce(entry_started, launched) AS duration,
    coalesce(given_badge, CASE WHEN code <> '' THEN 'captured' END, '') AS badge,
    cpu_time AS cost,
    array_to_string(fired, ' ') AS guards
FROM runs WHERE created_event IS NOT NULL;

CREATE VIEW run_table AS SELECT * EXCLUDE (spot) FROM all_runs WHERE NOT purged;

CREATE TABLE queue_marks (mark VARCHAR, value INTEGER, event VARCHAR);

CREATE TABLE sweeps (
    id VARCHAR, name VARCHAR, project VARCHAR, entry VARCHAR, plan JSON, created DOUBLE, created_event VARCHAR,
    halted BOOLEAN, halted_event VARCHAR, stopped DOUBLE, stop_event VARCHAR, stop_cause VARCHAR
);

CREATE TABLE model_versions (
    model VARCHAR, number INTEGER, manifest VARCHAR, framework VARCHAR, run VARCHAR, project VARCHAR, created DOUBLE,
    bytes BIGINT, signature JSON, metrics JSON, datasets JSON, event VARCHAR
);
CREATE TABLE model_aliases (model VARCHAR, alias VARCHAR, number INTEGER, event VARCHAR);

CREATE TABLE deployment_facts (
    id VARCHAR,
    -- deployment.created
    name VARCHAR, first_model VARCHAR, first_version INTEGER, first_alias VARCHAR, engine VARCHAR, first_port INTEGER,
    first_image VARCHAR, created DOUBLE, created_event VARCHAR,
    -- deployment.released
    model VARCHAR, version INTEGER, alias VARCHAR, port INTEGER, image VARCHAR, replicas INTEGER, released_event VARCHAR,
    -- deployment.status
    status VARCHAR, cause VARCHAR, ended DOUBLE, status_event VARCHAR, ready DOUBLE, ready_event VARCHAR
);
-- What each serves now.
CREATE VIEW deployments AS
SELECT
    id, name, coalesce(model, first_model) AS model, coalesce(version, first_version) AS version,
    coalesce(alias, first_alias) AS alias, engine, coalesce(port, first_port) AS port, coalesce(image, first_image) AS image,
    coalesce(replicas, 1) AS replicas, created, status, cause, ended, ready
FROM deployment_facts;

CREATE TABLE rollouts (
    id VARCHAR,
    -- rollout.started
    deployment VARCHAR, number INTEGER, model VARCHAR, version INTEGER, alias VARCHAR, strategy VARCHAR,
    before VARCHAR, started DOUBLE, started_event VARCHAR,
    -- rollout.ended
    outcome VARCHAR, cause VARCHAR, ended DOUBLE, ended_event VARCHAR
);
CREATE TABLE rollout_steps (
    rollout VARCHAR, step VARCHAR, ok BOOLEAN, "at" DOUBLE, seconds DOUBLE, told VARCHAR, evidence JSON, event VARCHAR
);
