-- Rules and indicators as a package would have them; each starts with its name.
-- missed and not booked again
SELECT a.patient_id, l.episode_id, MAX(a.start_day) AS since_day
FROM appointment AS a
JOIN episode_link AS l ON l.resource_id = a.appointment_id
WHERE a.status = 'noshow' AND a.start_day <= :today - :grace_days
  AND NOT EXISTS (SELECT 1 FROM appointment AS b
                  WHERE b.patient_id = a.patient_id AND b.kind = a.kind AND b.start_day > a.start_day
                    AND (b.status = 'fulfilled' OR (b.status = 'booked' AND b.start_day >= :today)))
GROUP BY a.patient_id, l.episode_id

-- deadline passed without a confirmed plan
SELECT e.patient_id, e.episode_id, e.deadline_day + 1 AS since_day
FROM episode AS e
LEFT JOIN plan AS p ON p.episode_id = e.episode_id AND p.status = 'active' AND p.confirmed_day IS NOT NULL
WHERE e.package = :package AND e.deadline_day < :today AND p.plan_id IS NULL
  AND e.phase NOT IN ('ended', 'declined')

-- level not decided
SELECT e.patient_id, e.episode_id, COALESCE(e.started_day, e.eligible_day, :today) AS since_day
FROM episode AS e
WHERE e.phase IS DISTINCT FROM 'ended' AND e.episode_id IN (SELECT p.episode_id FROM plan AS p)
  AND NOT EXISTS (SELECT 1 FROM level AS l WHERE l.episode_id = e.episode_id AND l.status = 'final')

-- latest level is high and due for review
WITH numbered AS (
  SELECT l.patient_id, l.episode_id, l.level, l.review_day,
         ROW_NUMBER() OVER (PARTITION BY l.episode_id ORDER BY l.decided_day DESC NULLS LAST, l.level_id DESC) AS n
  FROM level AS l WHERE l.status = 'final'
)
SELECT x.patient_id, x.episode_id, x.review_day AS since_day
FROM numbered AS x
WHERE x.n = 1 AND x.level BETWEEN 2 AND 3 AND x.review_day <= :today

-- level went up
WITH steps AS (
  SELECT l.patient_id, l.episode_id, l.decided_day, l.level,
         LAG(l.level) OVER (PARTITION BY l.episode_id ORDER BY l.decided_day NULLS FIRST, l.level_id) AS before
  FROM level AS l
)
SELECT s.patient_id, s.episode_id, MIN(s.decided_day) AS since_day
FROM steps AS s WHERE s.level > s.before
GROUP BY s.patient_id, s.episode_id

-- referral sent and not accepted
SELECT r.patient_id, r.episode_id, MIN(r.sent_day) AS since_day
FROM referral AS r JOIN organization AS o ON o.organization_id = r.receiver_id
WHERE r.accepted_day IS NULL AND r.sent_day < :today - :grace_days AND o.kind <> 'gp'
  AND CASE r.kind WHEN 'rehabilitering' THEN 1 WHEN 'rygestop' THEN 2 ELSE 0 END > 0
GROUP BY r.patient_id, r.episode_id

-- spirometry missing
SELECT e.patient_id, e.episode_id, MAX(m.day) AS since_day
FROM episode AS e
LEFT JOIN measurement AS m ON m.patient_id = e.patient_id AND m.code = 'MCS88015' AND m.value_milli > :limit_milli
WHERE e.package = 'kol'
GROUP BY e.patient_id, e.episode_id
HAVING COUNT(m.measurement_id) = 0 OR MAX(m.day) < :today - 365

-- called in vain
SELECT t.patient_id, t.episode_id,
       MAX(t.day) FILTER (WHERE t.outcome = 'no-answer') AS since_day,
       COUNT(*) FILTER (WHERE t.outcome = 'reached') AS reached
FROM attempt AS t
WHERE t.status = 'completed'
GROUP BY t.patient_id, t.episode_id
HAVING COUNT(DISTINCT t.day) >= :times AND COUNT(*) FILTER (WHERE t.outcome = 'reached') = 0

-- activity overdue and nothing booked
SELECT v.patient_id, v.episode_id, MIN(v.due_day) AS since_day
FROM activity AS v
WHERE v.status = 'active' AND v.done_day IS NULL AND v.due_day < :today
  AND NOT EXISTS (SELECT 1 FROM appointment AS a
                  WHERE a.activity_id = v.activity_id AND a.status IN ('booked', 'fulfilled')
                    AND (a.outcome_unknown = 0 OR a.outcome_unknown IS NULL OR a.start_day >= :today))
GROUP BY v.patient_id, v.episode_id

-- two open referrals or an ended plan
WITH open_referrals AS (
  SELECT r.patient_id, r.episode_id, MIN(r.sent_day) AS since_day, COUNT(*) AS n
  FROM referral AS r WHERE r.completed_day IS NULL GROUP BY r.patient_id, r.episode_id
)
SELECT o.patient_id, o.episode_id, o.since_day FROM open_referrals AS o WHERE o.n >= :times
UNION
SELECT p.patient_id, p.episode_id, p.end_day FROM plan AS p WHERE p.end_day <= :today AND p.has_goal = 1

-- indicator plan in time
SELECT e.patient_id, e.episode_id, p.period_id,
       CASE WHEN e.clock_start_day IS NULL THEN 0 ELSE 1 END AS in_denominator,
       CASE WHEN EXISTS (SELECT 1 FROM plan AS c
                         WHERE c.episode_id = e.episode_id AND c.confirmed_day <= e.deadline_day)
            THEN 1 ELSE 0 END AS in_numerator,
       CASE WHEN e.clock_start_day IS NULL THEN 1 ELSE 0 END AS missing
FROM episode AS e
JOIN period AS p ON COALESCE(e.deadline_day, e.eligible_day) BETWEEN p.start_day AND p.end_day
WHERE e.package = :package AND p.kind = 'month'

-- indicator answered questionnaires
WITH answers AS (
  SELECT DISTINCT q.patient_id, q.episode_id, q.authored_day FROM response AS q WHERE q.status = 'completed'
)
SELECT e.patient_id, e.episode_id, p.period_id, 1 AS in_denominator,
       MAX(CASE WHEN q.authored_day IS NOT NULL THEN 1 ELSE 0 END) AS in_numerator,
       MAX(CASE WHEN e.started_day IS NULL THEN 1 ELSE 0 END) AS missing,
       AVG(q.authored_day - e.started_day) AS mean_days, COUNT(DISTINCT q.authored_day) AS answers
FROM episode AS e
CROSS JOIN period AS p
LEFT JOIN answers AS q ON q.episode_id = e.episode_id AND q.authored_day BETWEEN p.start_day AND p.end_day
GROUP BY e.patient_id, e.episode_id, p.period_id
ORDER BY patient_id, e.episode_id DESC NULLS LAST, period_id
