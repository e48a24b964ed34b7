-- Who changed what: one chain of hashes per tenant, so that a changed, removed or inserted row
-- shows. Rows come in only by audit_add; nobody may change or remove them.

create table audit_log (
    tenant_id uuid not null references tenants,
    seq bigint not null,
    at timestamptz not null,
    actor_id uuid,
    actor text not null,
    action text not null,
    subject text not null,
    data jsonb not null,
    previous_hash bytea not null,
    hash bytea not null,
    primary key (tenant_id, seq)
);
create index audit_log_at on audit_log (tenant_id, at desc);

create table audit_heads (
    tenant_id uuid primary key references tenants,
    seq bigint not null,
    hash bytea not null
);

call protect_tenant_table('audit_log');
call protect_tenant_table('audit_heads');
revoke insert, update, delete on audit_log, audit_heads from cc_app;

create function audit_hash(
    previous bytea, tenant uuid, seq bigint, at timestamptz, actor_id uuid, actor text,
    action text, subject text, data jsonb
) returns bytea
    language sql immutable parallel safe
    -- One fixed order of fields; jsonb writes its keys in one order too.
    return sha256(previous || convert_to(
        jsonb_build_array(
            tenant, seq, extract(epoch from at), actor_id, actor, action, subject, data
        )::text, 'UTF8'));

-- Call it last in a transaction: the tenant's head stays locked until commit.
create function audit_add(
    tenant uuid, p_actor_id uuid, p_actor text, p_action text, p_subject text, p_data jsonb
) returns bigint
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp
    as $$
declare
    head audit_heads;
    moment timestamptz := clock_timestamp();
    new_hash bytea;
begin
    -- The owner may be exempt from the policies; whoever calls is not.
    if tenant is distinct from app_tenant() then
        raise insufficient_privilege using message = 'audit_add: not the tenant of this session';
    end if;
    insert into audit_heads as h (tenant_id, seq, hash) values (tenant, 1, ''::bytea)
        on conflict (tenant_id) do update set seq = h.seq + 1
        returning * into head;
    new_hash := audit_hash(head.hash, tenant, head.seq, moment, p_actor_id, p_actor, p_action,
                           p_subject, p_data);
    insert into audit_log values (tenant, head.seq, moment, p_actor_id, p_actor, p_action,
                                  p_subject, p_data, head.hash, new_hash);
    update audit_heads set hash = new_hash where tenant_id = tenant;
    return head.seq;
end
$$;
revoke execute on function audit_add(uuid, uuid, text, text, text, jsonb) from public;
grant execute on function audit_add(uuid, uuid, text, text, text, jsonb) to cc_app;

-- The number of the first row that is not as it was written, or null when all are.
create function audit_first_broken(tenant uuid) returns bigint
    language sql stable
    return (
        with chain as (
            select a.*,
                   lag(a.hash, 1, ''::bytea) over (order by a.seq) as expected_previous,
                   row_number() over (order by a.seq) as expected_seq
              from audit_log a
             where a.tenant_id = tenant
        ),
        broken as (
            select seq from chain
             where seq <> expected_seq
                or previous_hash <> expected_previous
                or hash <> audit_hash(previous_hash, tenant_id, seq, at, actor_id, actor, action,
                                      subject, data)
            union all
            -- The end may have been cut off.
            select h.seq from audit_heads h
             where h.tenant_id = tenant
               and h.hash is distinct from (select c.hash from chain c where c.seq = h.seq)
            union all
            select c.seq from chain c
             where not exists (select from audit_heads h where h.tenant_id = tenant)
        )
        select min(seq) from broken
    );
