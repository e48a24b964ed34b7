-- What happened: calls and everything that belongs to them.
--
-- Records refer to one another by foreign keys, but to agents, queues, flows and trunks only by
-- id: a fact must be storable even when what it names has changed since. Text that came over
-- SIP has no length check here for the same reason; the stores cut it.

create table calls (
    tenant_id uuid not null references tenants,
    id uuid not null,
    direction text not null check (direction in ('inbound', 'internal', 'outbound')),
    caller text not null,
    called text not null,
    trunk_id uuid,
    started_at timestamptz not null,
    answered_at timestamptz,
    ended_at timestamptz,
    cause text,
    sip_status integer,
    flow_id uuid,
    flow_version integer,
    -- Who served it last.
    agent_id uuid,
    primary key (tenant_id, id)
);
create index calls_started on calls (tenant_id, started_at desc, id);
create index calls_called on calls (tenant_id, called, started_at desc);
create index calls_caller on calls (tenant_id, caller, started_at desc);
create index calls_agent on calls (tenant_id, agent_id, started_at desc);
create index calls_open on calls (tenant_id, started_at) where ended_at is null;
call protect_tenant_table('calls');

create table legs (
    tenant_id uuid not null,
    id uuid not null,
    call_id uuid not null,
    role text not null,
    party text not null,
    agent_id uuid,
    sip_call_id text not null,
    started_at timestamptz not null,
    ringing_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    codec text,
    cause text,
    sip_status integer,
    packets_received bigint,
    packets_sent bigint,
    packets_lost bigint,
    packets_late bigint,
    packets_refused bigint,
    jitter_ms double precision,
    round_trip_ms double precision,
    mos double precision,
    primary key (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id) on delete cascade
);
create index legs_call on legs (tenant_id, call_id, started_at);
create index legs_agent on legs (tenant_id, agent_id, call_id) where agent_id is not null;
call protect_tenant_table('legs');

-- One wait of one piece of work in one queue; work need not be a call.
create table queue_visits (
    tenant_id uuid not null references tenants,
    work_id uuid not null,
    queue_id uuid not null,
    entered_at timestamptz not null,
    priority integer not null default 0,
    -- Place in the queue on entering; 1 is next.
    position integer not null,
    offers integer not null default 0,
    last_offered_at timestamptz,
    left_at timestamptz,
    result text check (result in ('answered', 'abandoned', 'flowed_out')),
    reason text not null default '',
    agent_id uuid,
    waited_ms bigint,
    primary key (tenant_id, work_id, queue_id, entered_at),
    check ((left_at is null) = (result is null))
);
create index queue_visits_queue on queue_visits (tenant_id, queue_id, entered_at desc);
create index queue_visits_entered on queue_visits (tenant_id, entered_at desc);
call protect_tenant_table('queue_visits');

create table agent_states (
    tenant_id uuid not null references tenants,
    agent_id uuid not null,
    at timestamptz not null,
    state text not null check (state in ('offline', 'available', 'offered', 'engaged',
                                         'wrap_up', 'away', 'not_responding')),
    previous text not null,
    previous_ms bigint not null,
    reason text not null,
    work_id uuid,
    primary key (tenant_id, agent_id, at, state)
);
create index agent_states_at on agent_states (tenant_id, at desc);
call protect_tenant_table('agent_states');

create table recordings (
    tenant_id uuid not null,
    id uuid not null,
    call_id uuid not null,
    kind text not null check (kind in ('call', 'voicemail')),
    started_at timestamptz not null,
    stored_at timestamptz,
    file text,
    duration_ms bigint,
    size_bytes bigint,
    sha256 text,
    channels smallint,
    complete boolean not null default false,
    failed_reason text,
    primary key (tenant_id, id),
    foreign key (tenant_id, call_id) references calls (tenant_id, id) on delete cascade
);
create index recordings_call on recordings (tenant_id, call_id);
create index recordings_started on recordings (tenant_id, started_at desc, id);
call protect_tenant_table('recordings');

-- A call's timeline, event by event.
create table call_events (
    tenant_id uuid not null,
    call_id uuid not null,
    seq bigint generated always as identity,
    at timestamptz not null,
    type text not null,
    data jsonb not null,
    primary key (tenant_id, call_id, seq),
    foreign key (tenant_id, call_id) references calls (tenant_id, id) on delete cascade
);
-- The same fact told twice is one fact: the journal may repeat itself after a crash.
create unique index call_events_once
    on call_events (tenant_id, call_id, at, type, md5(data::text));
call protect_tenant_table('call_events');
