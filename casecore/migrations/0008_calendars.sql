-- Opening hours that flows of the tenant may name.

create table calendars (
    tenant_id uuid not null references tenants,
    id uuid not null default gen_random_uuid(),
    name text not null check (length(name) between 1 and 80),
    -- IANA name, such as Europe/Berlin.
    zone text not null check (length(zone) between 1 and 60),
    -- [{"day": "monday", "opens": "09:00", "closes": "17:30"}, ...]
    weekly jsonb not null default '[]' check (jsonb_typeof(weekly) = 'array'),
    -- [{"date": "2026-12-25", "name": "Christmas", "spans": []}, ...]
    holidays jsonb not null default '[]' check (jsonb_typeof(holidays) = 'array'),
    created_at timestamptz not null default now(),
    primary key (tenant_id, id)
);
create unique index calendars_name on calendars (tenant_id, lower(name));
call protect_tenant_table('calendars');

create trigger tell_change after insert or update or delete on calendars
    for each row execute function tell_change('configuration', 'tenant_id');
