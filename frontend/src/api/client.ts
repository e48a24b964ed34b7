import { ApiError, failureOf } from './error'
import { session } from './session'

/** Send with the access token; an expired one is renewed once. Throws ApiError. */
export async function send(method: string, path: string, body?: unknown): Promise<Response> {
  let response = await once(method, path, body)
  if (response.status === 401 && (await session.renew())) response = await once(method, path, body)
  if (!response.ok) throw await failureOf(response)
  return response
}

async function once(method: string, path: string, body: unknown): Promise<Response> {
  const headers: Record<string, string> = { Authorization: `Bearer ${await session.token()}` }
  const init: RequestInit = { method, headers, cache: 'no-store' }
  if (body instanceof Blob) {
    headers['Content-Type'] = body.type || 'application/octet-stream'
    init.body = body
  } else if (body !== undefined) {
    headers['Content-Type'] = 'application/json'
    init.body = JSON.stringify(body)
  }
  try {
    return await fetch(`/api/v1${path}`, init)
  } catch {
    throw new ApiError(0, 'NETWORK', 'The server does not answer.')
  }
}

type Query = Record<string, string | number | null | undefined>

export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '')
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString()
  return text ? `${path}?${text}` : path
}

export const api = {
  /** The whole answer: data, and pagination where there is one. */
  whole: async <T>(path: string): Promise<T> => (await (await send('GET', path)).json()) as T,
  get: async <T>(path: string): Promise<T> =>
    ((await (await send('GET', path)).json()) as { data: T }).data,
  post: async <T>(path: string, body: unknown = {}): Promise<T> =>
    ((await (await send('POST', path, body)).json()) as { data: T }).data,
  put: async <T>(path: string, body: unknown = {}): Promise<T> =>
    ((await (await send('PUT', path, body)).json()) as { data: T }).data,
  /** The file itself is the body. */
  upload: async <T>(path: string, file: Blob): Promise<T> =>
    ((await (await send('POST', path, file)).json()) as { data: T }).data,
  /** What is made of the body is a file. */
  postBlob: async (path: string, body: unknown): Promise<Blob> => (await send('POST', path, body)).blob(),
  delete: async (path: string): Promise<void> => void (await send('DELETE', path)),
  blob: async (path: string): Promise<Blob> => (await send('GET', path)).blob(),
}
