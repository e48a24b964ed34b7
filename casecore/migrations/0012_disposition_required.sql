-- Queues whose agents say what became of a call before they get the next one.

alter table queues
    add column disposition_required boolean not null default false,
    add column disposition_seconds double precision not null default 900
        check (disposition_seconds between 30 and 86400);
