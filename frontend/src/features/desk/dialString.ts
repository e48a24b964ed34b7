/** What somebody typed or pasted, as the server wants it: digits, letters, and a leading +, * or #. */
export function dialString(typed: string): string | null {
  const bare = typed.replace(/^(tel|sip):/i, '').replace(/[\s()/.\-]/g, '')
  return /^[+*#]?[0-9A-Za-z*#]{1,39}$/.test(bare) ? bare : null
}
