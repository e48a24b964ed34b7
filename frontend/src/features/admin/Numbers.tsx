import type { Flow, PhoneNumber } from '../../api/adminTypes'
import { api } from '../../api/client'
import { useWords } from '../../i18n'
import { Editor } from './Editor'
import { ChoiceField, TextField } from './fields'
import { Opener, Section, useAll, useMayChange, useServerList } from './Section'

export function Numbers() {
  const { t } = useWords()
  const list = useServerList<PhoneNumber>('/numbers')
  return (
    <Section
      title={t('admin.numbers')} hint={t('admin.numbers.hint')} list={list} empty={t('admin.numbers.none')} add={t('admin.numbers.add')}
      keyOf={(number) => number.number}
      columns={(open) => [
        { name: t('phone.number'), cell: (number) => <Opener text={number.number} open={() => open(number)} /> },
        { name: t('admin.numbers.flow'), cell: (number) => number.flow_name },
      ]}
      editor={(number, close) => <NumberForm number={number} close={close} />}
    />
  )
}

function NumberForm({ number, close }: { number: PhoneNumber | null; close: () => void }) {
  const { t } = useWords()
  const mayChange = useMayChange()
  const { data: flows = [] } = useAll<Flow>('/flows')
  const path = number ? `/numbers/${encodeURIComponent(number.number)}` : '/numbers'
  return (
    <Editor
      title={number ? t('admin.numbers.change', { number: number.number }) : t('admin.numbers.add')} readOnly={!mayChange} close={close}
      initial={{ number: number?.number ?? '', flow_id: number?.flow_id ?? null }}
      save={async ({ number: dialled, flow_id }) => {
        await (number ? api.put(path, { flow_id }) : api.post(path, { number: dialled.replace(/[\s().-]/g, ''), flow_id }))
      }}
      {...(number ? { remove: { question: t('admin.numbers.remove', { number: number.number }), run: () => api.delete(path) } } : {})}
    >
      {number ? null : <TextField name="number" label={t('phone.number')} hint={t('admin.numbers.number.hint')} required code maxLength={40} />}
      <ChoiceField
        name="flow_id" label={t('admin.numbers.flow')} hint={t('admin.numbers.flow.hint')} required choices={flows.map(({ id, name }) => ({ value: id, label: name }))}
        {...(number ? {} : { none: t('admin.choose') })}
      />
    </Editor>
  )
}
