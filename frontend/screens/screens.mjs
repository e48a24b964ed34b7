// Pictures of every main screen, light and dark, wide and narrow, into docs/screens; and what axe
// finds on each. The pages, sign-in and policy are those of a running server, its calls are made up.
//
//   MURIMA_URL=http://127.0.0.1:8080 MURIMA_PASSWORD=... node screens/screens.mjs [folder [agent | supervisor | …]]
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright'
import { FarEnd } from './farEnd.mjs'
import { fixtures, serveFixtures } from './fixtures.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const folder = process.argv[2] ?? join(here, '..', '..', 'docs', 'screens')
const url = process.env.MURIMA_URL ?? 'http://127.0.0.1:8080'
const password = process.env.MURIMA_PASSWORD ?? ''
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const WIDE = { width: 1280, height: 720 }
const PHONE = { width: 390, height: 844 }
mkdirSync(folder, { recursive: true })

const problems = []
const remarks = []
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required'],
})

async function open(scheme, viewport, { login, language = 'en', running = false, phone = false }) {
  const context = await browser.newContext({ viewport, colorScheme: scheme, locale: language, permissions: ['microphone'] })
  const page = await context.newPage()
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) problems.push(`${page.url()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`))
  await page.goto(url)
  await page.waitForSelector('input[name=login]')
  if (!login) return { context, page }
  let far = null
  if (phone) {
    const voice = await context.newPage()
    await voice.goto(`${url}/icon.svg`)
    far = new FarEnd(voice)
    await far.serve(page, '1001')
    await page.bringToFront()
  }
  let own = null
  let made = null
  await page.route(/\/web\/session$/, async (route) => {
    const response = await route.fetch()
    if (route.request().method() === 'POST' && response.ok()) {
      own = (await response.json()).data.user.agent_id
      made = fixtures(own, running)
      await serveFixtures(page, made)
    }
    await route.fulfill({ response })
  })
  await page.fill('input[name=login]', login)
  await page.fill('input[name=password]', password)
  await page.click('button[type=submit]')
  await page.waitForSelector('[data-feed=live]', { state: 'attached' })
  return { context, page, far, made }
}

async function picture(page, name) {
  await page.waitForTimeout(450)
  await page.screenshot({ path: join(folder, `${name}.png`) })
  // By the debugger, which the page's policy does not bind.
  const found = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`)
  for (const violation of found.violations) {
    const where = violation.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')
    const list = ['serious', 'critical'].includes(violation.impact) ? problems : remarks
    list.push(`${name}: ${violation.impact} ${violation.id}: ${where}`)
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  if (overflow > 0) problems.push(`${name}: ${overflow} px wider than the window`)
  console.log(name)
}

async function agentScreens(scheme, viewport, suffix) {
  const { context, page, far, made } = await open(scheme, viewport, { login: 'agent1', phone: true })
  await page.waitForSelector('[data-link=ready]')
  await picture(page, `desk-${suffix}`)
  await page.getByRole('button', { name: 'Test devices' }).click()
  await page.getByRole('button', { name: 'Start' }).click()
  await page.getByText('Did you hear two tones?').waitFor()
  await picture(page, `device-test-${suffix}`)
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  made.live.unshift(made.rings)
  made.tell('LegStarted')
  await far.call('+49301234567', 'support')
  await page.getByRole('alertdialog').waitFor()
  await page.getByText('Earlier contacts').waitFor()
  await picture(page, `incoming-${suffix}`)
  await context.close()

  const talk = await open(scheme, viewport, { login: 'agent1', phone: true, running: true })
  await talk.page.waitForSelector('[data-link=ready]')
  await talk.far.call('+49301234567', 'support')
  await talk.page.getByRole('alertdialog').waitFor()
  await talk.page.keyboard.press('F2')
  await talk.page.locator('.panel').filter({ hasText: 'Hang up' }).getByRole('timer').first().waitFor()
  await talk.page.getByText(/jitter/).waitFor({ timeout: 10_000 })
  await picture(talk.page, `talking-${suffix}`)
  await talk.page.getByRole('button', { name: 'Ask for help' }).click()
  await talk.page.getByRole('dialog').waitFor()
  await picture(talk.page, `help-${suffix}`)
  await talk.page.getByRole('dialog').getByRole('button', { name: 'Back' }).last().click()
  await talk.page.getByRole('dialog').waitFor({ state: 'detached' })
  await talk.page.getByRole('button', { name: 'Transfer' }).click()
  await talk.page.getByRole('dialog').waitFor()
  await picture(talk.page, `transfer-${suffix}`)
  await talk.page.keyboard.press('Escape')
  await talk.page.keyboard.press('F9')
  await talk.page.getByRole('timer').waitFor({ state: 'detached' })
  if (!talk.far.heard.some((line) => line.startsWith('BYE'))) problems.push('hanging up sent no BYE')
  await talk.page.getByRole('button', { name: 'Sound settings' }).click()
  await talk.page.getByRole('button', { name: 'Test the microphone' }).click()
  await picture(talk.page, `sound-${suffix}`)
  await talk.page.keyboard.press('Escape')
  const call = talk.made.detail.id
  Object.assign(talk.made.agents[0], { state: 'wrap_up', call_id: call, wrap_up_until: null, disposition_due: call })
  talk.made.tell('PhoneRegistered')
  await talk.page.getByText('You get the next call').waitFor()
  await picture(talk.page, `wrap-up-${suffix}`)
  await talk.context.close()
}

async function supervisorScreens(scheme, viewport, suffix) {
  const { context, page } = await open(scheme, viewport, { login: 'supervisor' })
  await page.getByRole('heading', { name: 'Running calls' }).waitFor()
  await picture(page, `console-${suffix}`)
  const nav = page.getByRole('navigation', { name: 'Main' })
  await nav.getByRole('link', { name: 'Calls' }).filter({ visible: true }).click()
  await page.getByRole('button', { name: /Show call from/ }).first().waitFor()
  await picture(page, `calls-${suffix}`)
  await page.getByRole('button', { name: /Show call from/ }).first().click()
  await page.getByText('Call Ended').waitFor()
  await page.getByRole('button', { name: /^Play/ }).click()
  await page.locator('audio.hears').waitFor()
  await picture(page, `call-${suffix}`)
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await nav.getByRole('link', { name: 'Recordings' }).filter({ visible: true }).click()
  await page.getByRole('button', { name: /^Play/ }).first().waitFor()
  await picture(page, `recordings-${suffix}`)
  await context.close()
}

const SECTIONS = ['Users', 'Agents', 'Queues', 'Numbers', 'Trunks', 'Phones', 'Music and announcements', 'Opening hours', 'Call results', 'Changes']
/** Of the others, the form is shown: its list looks like the lists before it. */
const FORMS = { Agents: 'Hannah Hu', Queues: 'support', Trunks: 'Provider', 'Opening hours': 'office' }

async function administratorScreens(scheme, viewport, suffix) {
  const { context, page } = await open(scheme, viewport, { login: 'admin' })
  const nav = page.getByRole('navigation', { name: 'Main' })
  await nav.getByRole('link', { name: 'Admin' }).filter({ visible: true }).click()
  for (const section of SECTIONS) {
    await page.getByRole('navigation', { name: 'Admin', exact: true }).getByRole('link', { name: section }).click()
    await page.locator('.section tbody tr').first().waitFor()
    const name = section.toLowerCase().replaceAll(' ', '-')
    await picture(page, `admin-${name}-${suffix}`)
    if (!(section in FORMS)) continue
    await page.locator('.section').getByRole('button', { name: FORMS[section] }).click()
    await page.getByRole('button', { name: 'Save' }).waitFor()
    await picture(page, `admin-${name}-form-${suffix}`)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
  await announcement(page, suffix)
  await refusals(page, suffix)
  await context.close()
}

/** The form for a text that is spoken, heard before it is kept. */
async function announcement(page, suffix) {
  await page.getByRole('navigation', { name: 'Admin', exact: true }).getByRole('link', { name: 'Music' }).click()
  await page.getByRole('button', { name: 'Add a sound' }).click()
  await page.fill('form [name=name]', 'evening')
  await page.fill('form [name=text]', 'Good evening. We are closed now, and open again tomorrow from eight o’clock.')
  await page.getByRole('button', { name: 'Hear it first' }).click()
  await page.locator('audio.hears').waitFor()
  await picture(page, `admin-announcement-${suffix}`)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Throw away' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
}

/** What the server says no to, as the forms tell it. */
async function refusals(page, suffix) {
  const sections = page.getByRole('navigation', { name: 'Admin', exact: true })
  await sections.getByRole('link', { name: 'Trunks' }).click()
  await page.getByRole('button', { name: 'Add a trunk' }).click()
  await page.fill('form [name=networks]', '192.0.2.0/24\n192.0.2.300')
  await page.fill('form [name=target]', 'pbx.example.org')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('alert').waitFor()
  await picture(page, `admin-mistakes-${suffix}`)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Throw away' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  const details = [{ field: 'path.id', message: 'the flow main leads to it', code: 'flow_leads', values: { flow: 'main' } }]
  await page.route(/\/api\/v1\/queues\/[0-9a-f-]{36}$/, (route) =>
    route.request().method() === 'DELETE' ? route.fulfill({ status: 409, json: { error: { code: 'CONFLICT', message: '', details } } }) : route.fallback())
  await sections.getByRole('link', { name: 'Queues' }).click()
  await page.locator('.section').getByRole('button', { name: 'support' }).click()
  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByText('leads there').waitFor()
  await picture(page, `admin-refused-${suffix}`)
}

async function wallboard(scheme, viewport, suffix) {
  const { context, page, made } = await open(scheme, viewport, { login: 'supervisor' })
  await page.getByRole('link', { name: 'Wallboard' }).click()
  await page.getByText('Below target').waitFor()
  await picture(page, `wallboard-${suffix}`)
  if (scheme === 'dark') {
    // The server goes away: the figures must not look as if they were new.
    await page.routeWebSocket(/\/ws\/v1\/events$/, (socket) => socket.close())
    made.drop()
    await page.getByText('these figures are old').waitFor()
    await picture(page, `wallboard-lost-${suffix}`)
  }
  await context.close()
}

const SCREENS = { agent: agentScreens, supervisor: supervisorScreens, administrator: administratorScreens, wallboard }
// A second argument picks what is made: `agent`, `supervisor`, ...
const only = process.argv[3]
for (const scheme of ['light', 'dark']) {
  const { context, page } = await open(scheme, WIDE, {})
  await picture(page, `signin-${scheme}`)
  await context.close()
  for (const [name, make] of Object.entries(SCREENS)) if (!only || only === name) await make(scheme, WIDE, scheme)
}
for (const [name, make] of Object.entries(SCREENS)) if (!only || only === name) await make('light', PHONE, 'phone')
const german = await open('light', WIDE, { login: 'admin', language: 'de' })
await german.page.getByRole('heading', { name: 'Laufende Anrufe' }).waitFor()
await picture(german.page, 'console-german')
await german.page.getByRole('link', { name: 'Verwaltung' }).first().click()
await german.page.getByRole('link', { name: 'Warteschlangen' }).click()
await german.page.locator('.section').getByRole('button', { name: 'support' }).click()
await german.page.getByRole('button', { name: 'Speichern' }).waitFor()
await picture(german.page, 'admin-german')
await german.context.close()
await browser.close()
for (const remark of remarks) console.log(remark)
for (const problem of problems) console.error(problem)
process.exit(problems.length > 0 ? 1 : 0)
