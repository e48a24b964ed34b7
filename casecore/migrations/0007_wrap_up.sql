-- What became of a call, in the words of whoever took it.

create table dispositions (
    tenant_id uuid not null references tenants,
    code text not null check (length(code) between 1 and 40),
    label text not null check (length(label) between 1 and 80),
    -- Place in the list that people choose from.
    position integer not null default 0,
    primary key (tenant_id, code)
);
call protect_tenant_table('dispositions');

-- No foreign key: what was said of a call stays when a disposition is given up.
alter table calls
    add column disposition text,
    add column note text not null default '';
create index calls_disposition on calls (tenant_id, disposition, started_at desc)
    where disposition is not null;

-- An agent's extension is the phone of the agent's user, which servers keep with the users.
create trigger tell_users after update on agents
    for each row when (old.extension is distinct from new.extension)
    execute function tell_change('users', 'tenant_id');
