import { ActionIcon, Menu, useMantineColorScheme, type MantineColorScheme } from '@mantine/core'
import { IconCheck, IconUserCircle } from '@tabler/icons-react'
import { session } from '../../api/session'
import { useUser } from '../../api/useSession'
import { chooseLanguage, useWords, type Language } from '../../i18n'

const SCHEMES: MantineColorScheme[] = ['auto', 'light', 'dark']
const LANGUAGES: [Language, string][] = [['en', 'English'], ['de', 'Deutsch']]

export function UserMenu() {
  const { t, language } = useWords()
  const user = useUser()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const mark = (on: boolean) => (on ? <IconCheck size={16} aria-hidden /> : <span style={{ width: 16 }} />)
  return (
    <Menu position="bottom-end" width={210} withinPortal>
      <Menu.Target>
        <ActionIcon variant="default" size={34} aria-label={t('user.menu', { name: user.display })}>
          <IconUserCircle size={20} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{user.display}</Menu.Label>
        <Menu.Divider />
        <Menu.Label>{t('user.theme')}</Menu.Label>
        {SCHEMES.map((scheme) => (
          <Menu.Item key={scheme} leftSection={mark(scheme === colorScheme)} onClick={() => setColorScheme(scheme)}>
            {t(`user.theme.${scheme}`)}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Label>{t('user.language')}</Menu.Label>
        {LANGUAGES.map(([code, name]) => (
          <Menu.Item key={code} lang={code} leftSection={mark(code === language)} onClick={() => chooseLanguage(code)}>
            {name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => void session.signOut()}>{t('user.sign_out')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
