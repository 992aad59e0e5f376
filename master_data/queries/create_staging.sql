DROP TABLE IF EXISTS {staged}, {rejected};
CREATE TEMPORARY TABLE staged_rows ({columns}) ON COMMIT DROP;
CREATE TEMPORARY TABLE rejected_rows
    (line integer, column_name text, rule text, reason text) ON COMMIT DROP
