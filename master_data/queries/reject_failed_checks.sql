-- Rows that break a check constraint; {told} has a row for each: columns, reason, is it broken.
INSERT INTO {rejected}
SELECT line, broken.columns, 'check', broken.reason
  FROM {proposed}
 CROSS JOIN LATERAL (VALUES {told}) AS broken (columns, reason, applies)
 WHERE ({any_applies}) AND broken.applies
