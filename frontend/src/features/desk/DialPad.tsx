import { useWords } from '../../i18n'

const KEYS: [string, string][] = [
  ['1', ''], ['2', 'ABC'], ['3', 'DEF'], ['4', 'GHI'], ['5', 'JKL'], ['6', 'MNO'],
  ['7', 'PQRS'], ['8', 'TUV'], ['9', 'WXYZ'], ['*', ''], ['0', '+'], ['#', ''],
]

export function DialPad({ press }: { press: (digit: string) => void }) {
  const { t } = useWords()
  return (
    <div className="keys" role="group" aria-label={t('phone.keypad')}>
      {KEYS.map(([digit, letters]) => (
        <button key={digit} type="button" className="key" onClick={() => press(digit)}>
          {digit}{letters ? <small aria-hidden>{letters}</small> : null}
        </button>
      ))}
    </div>
  )
}
