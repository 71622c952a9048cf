-- $1 tenant. Its webhooks are made one after the other, so that none is counted too little.
SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 7161985))
