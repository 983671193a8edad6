-- The index of journal and run folders. Everything here can be thrown away and rebuilt.
-- No foreign keys: DuckDB refuses upserts of a referenced row.

CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR);

-- How far each journal segment has been read; moved on in the same transaction as the rows.
CREATE TABLE segments (name VARCHAR PRIMARY KEY, read_to BIGINT NOT NULL);

-- Ids of all events taken in: an event that is met again changes nothing.
CREATE TABLE events (id VARCHAR, ts DOUBLE, type VARCHAR, subject VARCHAR);

CREATE TABLE damage (segment VARCHAR, line BIGINT, reason VARCHAR, PRIMARY KEY (segment, line));

CREATE TABLE projects (name VARCHAR PRIMARY KEY, root VARCHAR, created DOUBLE, event VARCHAR);

CREATE TABLE dataset_versions (
    project VARCHAR, dataset VARCHAR, number INTEGER, id VARCHAR, path VARCHAR, created DOUBLE,
    files BIGINT, bytes BIGINT, rows BIGINT, columns JSON, message VARCHAR,
    PRIMARY KEY (project, dataset, number)
);
CREATE TABLE dataset_aliases (
    project VARCHAR, dataset VARCHAR, alias VARCHAR, number INTEGER, event VARCHAR,
    PRIMARY KEY (project, dataset, alias)
);

-- Each kind of event about a run owns a table, so that events may arrive in any order and each costs one insert.
-- No primary keys here: a row comes from an event that was not known before, and an index would double the cost.
CREATE TABLE runs (
    id VARCHAR, name VARCHAR, project VARCHAR, entry VARCHAR, engine VARCHAR, image VARCHAR, code VARCHAR,
    sweep VARCHAR, seed BIGINT, memory BIGINT, launcher VARCHAR, params JSON, datasets JSON, created DOUBLE
);
CREATE TABLE run_starts (run VARCHAR, started DOUBLE);
CREATE TABLE run_stops (run VARCHAR, stop_requested DOUBLE);
CREATE TABLE run_endings (
    run VARCHAR, ending VARCHAR, cause VARCHAR, exit_code INTEGER, authority INTEGER, entry_started DOUBLE,
    ended DOUBLE, metrics JSON, event VARCHAR
);
CREATE TABLE run_tags (run VARCHAR, tags VARCHAR[], event VARCHAR);
CREATE TABLE run_notes (run VARCHAR, notes VARCHAR, event VARCHAR);

-- params and metrics of runs and run_endings once more, long, to be searched and sorted.
CREATE TABLE run_params (run VARCHAR, key VARCHAR, value VARCHAR, number DOUBLE);
CREATE TABLE run_metrics (run VARCHAR, key VARCHAR, last DOUBLE, min DOUBLE, max DOUBLE, mean DOUBLE);

CREATE VIEW run_table AS
SELECT
    r.*,
    coalesce(e.entry_started, s.started) AS started,
    coalesce(e.ending, CASE WHEN s.started IS NULL THEN 'created' ELSE 'running' END) AS status,
    e.cause, e.exit_code, e.ended, e.metrics,
    e.ended - coalesce(e.entry_started, s.started) AS duration,
    p.stop_requested, t.tags, n.notes
FROM runs r
LEFT JOIN run_starts s ON s.run = r.id
LEFT JOIN run_endings e ON e.run = r.id
LEFT JOIN run_stops p ON p.run = r.id
LEFT JOIN run_tags t ON t.run = r.id
LEFT JOIN run_notes n ON n.run = r.id;

CREATE TABLE model_versions (
    model VARCHAR, number INTEGER, manifest VARCHAR, framework VARCHAR, run VARCHAR, project VARCHAR, created DOUBLE,
    bytes BIGINT, signature JSON, metrics JSON, datasets JSON,
    PRIMARY KEY (model, number)
);
CREATE TABLE model_aliases (
    model VARCHAR, alias VARCHAR, number INTEGER, event VARCHAR,
    PRIMARY KEY (model, alias)
);

CREATE TABLE deployments (
    id VARCHAR PRIMARY KEY,
    name VARCHAR, model VARCHAR, version INTEGER, alias VARCHAR, engine VARCHAR, port INTEGER, image VARCHAR,
    created DOUBLE,
    status VARCHAR, cause VARCHAR, ready DOUBLE, ended DOUBLE, status_event VARCHAR
);
