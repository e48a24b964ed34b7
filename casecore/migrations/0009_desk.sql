-- How well queues are served, calls that are taken without a hand, and tests of agents' devices.

alter table queues
    -- A call answered within so many seconds counts as served in time.
    add column service_level_seconds double precision not null default 20
        check (service_level_seconds > 0),
    -- Percent of the calls that ought to be.
    add column service_level_target double precision not null default 80
        check (service_level_target between 0 and 100),
    -- Who hangs up within so many seconds is not counted.
    add column short_abandon_seconds double precision not null default 5
        check (short_abandon_seconds >= 0),
    -- Where it is midnight when a new day begins to be counted.
    add column time_zone text not null default 'UTC' check (length(time_zone) between 1 and 60),
    -- Agents' phones take its calls by themselves, after a tone.
    add column auto_answer boolean not null default false;

alter table agents
    add column auto_answer boolean not null default false;

-- For the counts of the day when a server starts.
create index queue_visits_left on queue_visits (tenant_id, queue_id, left_at)
    where left_at is not null;

-- The last test of an agent's microphone, speaker and connection.
create table device_tests (
    tenant_id uuid not null,
    agent_id uuid not null,
    at timestamptz not null,
    verdict text not null check (verdict in ('good', 'fair', 'poor', 'failed')),
    microphone text not null check (length(microphone) between 1 and 20),
    -- Loudest while the person spoke: 0 is silence, 1 is full.
    level double precision,
    -- Whether the person heard the tone.
    speaker boolean,
    round_trip_ms double precision,
    loss_percent double precision,
    jitter_ms double precision,
    mos double precision,
    primary key (tenant_id, agent_id),
    foreign key (tenant_id, agent_id) references agents (tenant_id, id) on delete cascade
);
call protect_tenant_table('device_tests');
