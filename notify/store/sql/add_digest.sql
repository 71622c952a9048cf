-- $1 digests, $2 key ids, $3 hashes. Gives the numbers of the calls whose key is there, from 1.
WITH q AS (
    SELECT u.digest, u.key_id, u.key_hash, u.n
      FROM unnest($1::bytea[], $2::bigint[], $3::text[]) WITH ORDINALITY
               AS u (digest, key_id, key_hash, n)
      JOIN public.api_keys k ON k.id = u.key_id AND k.key_hash = u.key_hash
), added AS (
    INSERT INTO celeriac.key_digests AS d (digest, api_key_id, key_hash, created_at)
    SELECT DISTINCT ON (digest) digest, key_id, key_hash, now()
      FROM q
     ORDER BY digest, n DESC
    ON CONFLICT (digest) DO UPDATE
       SET api_key_id = EXCLUDED.api_key_id, key_hash = EXCLUDED.key_hash
     WHERE d.api_key_id <> EXCLUDED.api_key_id OR d.key_hash <> EXCLUDED.key_hash
)
SELECT n FROM q ORDER BY n
