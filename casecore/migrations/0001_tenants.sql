-- Tenants, and the wall between them.
--
-- Every statement of ours names the tenant; the policies are the net below. They fail closed:
-- without `app.tenant_id` no row of any tenant can be seen or written.

create function app_tenant() returns uuid
    language sql stable parallel safe
    -- After a transaction the local setting is '' rather than unset.
    as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- For this and every later migration: a table of tenants' rows is not finished without it.
create procedure protect_tenant_table(tenant_table regclass)
    language plpgsql
    as $$
begin
    execute format('alter table %s enable row level security', tenant_table);
    execute format('alter table %s force row level security', tenant_table);
    execute format(
        'create policy tenant on %s using (tenant_id = app_tenant()) '
        'with check (tenant_id = app_tenant())', tenant_table);
    execute format('grant select, insert, update, delete on %s to cc_app', tenant_table);
end
$$;
revoke execute on procedure protect_tenant_table(regclass) from public;

grant usage on schema public to cc_app;

create table tenants (
    id uuid primary key default gen_random_uuid(),
    name text not null check (length(name) between 1 and 80),
    slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    sip_domain text unique check (sip_domain = lower(sip_domain) and sip_domain <> ''),
    is_default boolean not null default false,
    created_at timestamptz not null default now()
);
create unique index tenants_one_default on tenants (is_default) where is_default;
-- Not walled off: a request's tenant has to be found before one can be entered.
grant select, insert, update on tenants to cc_app;

-- How far each node's journal of events has been carried into this database.
create table journal_position (
    node text primary key,
    segment bigint not null check (segment >= 0),
    byte_offset bigint not null check (byte_offset >= 0),
    moved_at timestamptz not null default now()
);
grant select, insert, update on journal_position to cc_app;
