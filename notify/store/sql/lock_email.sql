-- $1 email. Registrations of one address wait for each other: the table has no unique index on it.
SELECT pg_advisory_xact_lock(hashtextextended($1::text, 7161984))
