-- Version 4. What templates were before they were changed; what they are now is in public.templates.
CREATE TABLE celeriac.template_versions (
    template_id bigint NOT NULL,
    version integer NOT NULL,
    name varchar(255) NOT NULL,
    channel varchar(20) NOT NULL,
    subject varchar(255),
    body text NOT NULL,
    variables jsonb NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (template_id, version)
);
