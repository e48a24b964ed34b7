export interface SkillRow {
  skill: string
  level: number
}

/** The rows as the API wants them, without those left empty; or the skill that stands there twice. */
export function readSkills(rows: readonly SkillRow[]): { skills: Record<string, number> } | { twice: string } {
  const skills: Record<string, number> = {}
  for (const { skill, level } of rows) {
    const name = skill.trim()
    if (name === '') continue
    if (Object.hasOwn(skills, name)) return { twice: name }
    skills[name] = level
  }
  return { skills }
}
