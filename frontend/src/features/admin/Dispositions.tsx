import { api } from '../../api/client'
import type { Disposition } from '../../api/types'
import { useWords } from '../../i18n'
import { Editor } from './Editor'
import { NumberField, TextField } from './fields'
import { Opener, Section, useMayChange, useWholeList } from './Section'

export function Dispositions() {
  const { t } = useWords()
  const list = useWholeList<Disposition>('/dispositions', (one) => `${one.label} ${one.code}`)
  return (
    <Section
      title={t('admin.dispositions')} hint={t('admin.dispositions.hint')} list={list} empty={t('admin.dispositions.none')} add={t('admin.dispositions.add')}
      keyOf={(one) => one.code}
      columns={(open) => [
        { name: t('admin.dispositions.label'), cell: (one) => <Opener text={one.label} open={() => open(one)} /> },
        { name: t('admin.dispositions.code'), cell: (one) => one.code },
        { name: t('admin.dispositions.position'), className: 'number', cell: (one) => one.position },
      ]}
      editor={(one, close) => <DispositionForm disposition={one} close={close} />}
    />
  )
}

function DispositionForm({ disposition, close }: { disposition: Disposition | null; close: () => void }) {
  const { t } = useWords()
  const mayChange = useMayChange()
  const path = disposition ? `/dispositions/${disposition.code}` : '/dispositions'
  return (
    <Editor
      title={disposition ? t('admin.dispositions.change', { label: disposition.label }) : t('admin.dispositions.add')} readOnly={!mayChange} close={close}
      initial={{ code: disposition?.code ?? '', label: disposition?.label ?? '', position: disposition?.position ?? 0 }}
      save={async ({ code, ...values }) => void (await (disposition ? api.put(path, values) : api.post(path, { code, ...values })))}
      {...(disposition ? { remove: { question: t('admin.dispositions.remove', { label: disposition.label }), run: () => api.delete(path) } } : {})}
    >
      <TextField name="label" label={t('admin.dispositions.label')} hint={t('admin.dispositions.label.hint')} required />
      {disposition ? null : <TextField name="code" label={t('admin.dispositions.code')} hint={t('admin.dispositions.code.hint')} required code maxLength={40} />}
      <NumberField name="position" label={t('admin.dispositions.position')} hint={t('admin.dispositions.position.hint')} min={0} max={10_000} required />
    </Editor>
  )
}
