-- Tells every running server at once what was changed: by another server, or by hand.
--
-- Servers keep users and configuration in memory, so that neither a request nor a call has to ask.
-- The message is `users` or `configuration` and the tenant; whoever hears it reads the rows again.

create function tell_change() returns trigger
    language plpgsql
    as $$
declare
    changed jsonb := case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
begin
    perform pg_notify('murima_changes', tg_argv[0] || ' ' || (changed ->> tg_argv[1]));
    return null;
end
$$;
revoke execute on function tell_change() from public;

create trigger tell_change after insert or update or delete on users
    for each row execute function tell_change('users', 'tenant_id');
create trigger tell_change after insert or update on tenants
    for each row execute function tell_change('configuration', 'id');
create trigger tell_change after insert or update or delete on agents
    for each row execute function tell_change('configuration', 'tenant_id');
create trigger tell_change after insert or update or delete on agent_skills
    for each row execute function tell_change('configuration', 'tenant_id');
create trigger tell_change after insert or update or delete on queues
    for each row execute function tell_change('configuration', 'tenant_id');
create trigger tell_change after insert or update or delete on flows
    for each row execute function tell_change('configuration', 'tenant_id');
create trigger tell_change after insert or update or delete on numbers
    for each row execute function tell_change('configuration', 'tenant_id');
create trigger tell_change after insert or update or delete on phones
    for each row execute function tell_change('configuration', 'tenant_id');
create trigger tell_change after insert or update or delete on trunks
    for each row execute function tell_change('configuration', 'tenant_id');
