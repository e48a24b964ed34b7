-- Announcements and music of a tenant. The sound itself is a file, named by tenant and id.

create table sounds (
    tenant_id uuid not null references tenants,
    id uuid not null,
    name text not null check (length(name) between 1 and 80),
    kind text not null check (kind in ('announcement', 'music')),
    duration_ms bigint not null check (duration_ms > 0),
    size_bytes bigint not null check (size_bytes > 0),
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    -- What it says, when it was made from text.
    spoken_text text check (length(spoken_text) <= 1000),
    voice text check (length(voice) <= 40),
    created_at timestamptz not null default now(),
    primary key (tenant_id, id)
);
create unique index sounds_name on sounds (tenant_id, lower(name));
call protect_tenant_table('sounds');

create trigger tell_change after insert or update or delete on sounds
    for each row execute function tell_change('configuration', 'tenant_id');

-- It was the name of a folder, which nothing ever played.
alter table queues drop column music;
alter table queues add column music uuid;
alter table queues add foreign key (tenant_id, music) references sounds (tenant_id, id);
create index queues_music on queues (tenant_id, music) where music is not null;
