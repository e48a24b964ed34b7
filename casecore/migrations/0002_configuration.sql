-- What administrators set: people, queues, flows, numbers, phones and trunks.
--
-- Agents, queues and flows are marked as deleted rather than removed, because records of past
-- calls go on naming them.

create table agents (
    tenant_id uuid not null references tenants,
    id uuid not null default gen_random_uuid(),
    name text not null check (length(name) between 1 and 80),
    extension text not null check (length(extension) between 1 and 40),
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (tenant_id, id)
);
create unique index agents_extension on agents (tenant_id, extension) where deleted_at is null;
call protect_tenant_table('agents');

create table agent_skills (
    tenant_id uuid not null,
    agent_id uuid not null,
    skill text not null check (length(skill) between 1 and 40),
    level smallint not null check (level between 1 and 5),
    primary key (tenant_id, agent_id, skill),
    foreign key (tenant_id, agent_id) references agents (tenant_id, id) on delete cascade
);
call protect_tenant_table('agent_skills');

create table users (
    tenant_id uuid not null references tenants,
    id uuid not null default gen_random_uuid(),
    login text not null check (length(login) between 1 and 80),
    display text not null check (length(display) between 1 and 80),
    role text not null check (role in ('administrator', 'supervisor', 'agent', 'viewer')),
    password_hash text not null,
    agent_id uuid,
    disabled boolean not null default false,
    created_at timestamptz not null default now(),
    primary key (tenant_id, id),
    foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
create unique index users_login on users (tenant_id, lower(login));
create index users_agent on users (tenant_id, agent_id);
call protect_tenant_table('users');

create table refresh_tokens (
    tenant_id uuid not null,
    token_hash bytea not null check (length(token_hash) = 32),
    family_id uuid not null,
    user_id uuid not null,
    issued_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz,
    primary key (tenant_id, token_hash),
    foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
);
create index refresh_tokens_family on refresh_tokens (tenant_id, family_id);
create index refresh_tokens_user on refresh_tokens (tenant_id, user_id);
call protect_tenant_table('refresh_tokens');

create table queues (
    tenant_id uuid not null references tenants,
    id uuid not null default gen_random_uuid(),
    name text not null check (length(name) between 1 and 80),
    skill text not null check (length(skill) between 1 and 40),
    minimum_level smallint not null default 1 check (minimum_level between 1 and 5),
    priority integer not null default 0,
    ring_seconds double precision not null default 20 check (ring_seconds > 0),
    wrap_up_seconds double precision not null default 10 check (wrap_up_seconds >= 0),
    announce_every_seconds double precision not null default 30
        check (announce_every_seconds >= 0),
    max_waiting integer not null default 100 check (max_waiting >= 0),
    max_wait_seconds double precision check (max_wait_seconds > 0),
    -- Folder below the prompts; the installation's music when null.
    music text,
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (tenant_id, id)
);
create unique index queues_name on queues (tenant_id, lower(name)) where deleted_at is null;
call protect_tenant_table('queues');

create table flows (
    tenant_id uuid not null references tenants,
    id uuid not null default gen_random_uuid(),
    name text not null check (length(name) between 1 and 80),
    latest_version integer not null default 0,
    published_version integer,
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (tenant_id, id)
);
create unique index flows_name on flows (tenant_id, lower(name)) where deleted_at is null;

create table flow_versions (
    tenant_id uuid not null,
    flow_id uuid not null,
    version integer not null check (version > 0),
    document jsonb not null,
    -- A user's id; kept when the user is gone.
    created_by uuid,
    created_at timestamptz not null default now(),
    primary key (tenant_id, flow_id, version),
    foreign key (tenant_id, flow_id) references flows (tenant_id, id)
);
alter table flows add foreign key (tenant_id, id, published_version)
    references flow_versions (tenant_id, flow_id, version);
call protect_tenant_table('flows');
call protect_tenant_table('flow_versions');

create table numbers (
    tenant_id uuid not null references tenants,
    number text not null check (length(number) between 1 and 40),
    flow_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, number),
    foreign key (tenant_id, flow_id) references flows (tenant_id, id)
);
create index numbers_flow on numbers (tenant_id, flow_id);
call protect_tenant_table('numbers');

create table phones (
    tenant_id uuid not null references tenants,
    username text not null check (length(username) between 1 and 40),
    display text not null default '',
    -- What digest authentication compares with (RFC 2617, RFC 8760): never the password.
    ha1_md5 text not null,
    ha1_sha256 text not null,
    agent_id uuid,
    created_at timestamptz not null default now(),
    primary key (tenant_id, username),
    foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
create index phones_agent on phones (tenant_id, agent_id);
call protect_tenant_table('phones');

create table trunks (
    tenant_id uuid not null references tenants,
    id uuid not null default gen_random_uuid(),
    name text not null check (length(name) between 1 and 80),
    networks cidr[] not null default '{}',
    target text,
    username text,
    -- In clear: we are the client here, and prove to the peer that we know it.
    password text,
    enabled boolean not null default true,
    created_at timestamptz not null default now(),
    primary key (tenant_id, id)
);
create unique index trunks_name on trunks (tenant_id, lower(name));
call protect_tenant_table('trunks');
