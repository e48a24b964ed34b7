-- A phone for people who are no agents: a supervisor is rung to listen to a call.

alter table users
    add column phone text check (length(phone) between 1 and 80);
