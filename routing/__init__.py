"""Decisions without a medium and without a database: IVR flows, queues, skills, agents."""
