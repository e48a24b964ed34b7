/** One thing that is wrong with what was sent: where, and what in words and as a stable code. */
export interface FieldProblem {
  /** As in `body.login`, or `path.id` for what the whole request was about. */
  field: string
  message: string
  code: string
  values: Record<string, string | number>
}

/** What the server refused, with its stable code; `NETWORK` when it did not answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: readonly FieldProblem[] = [],
  ) {
    super(message)
  }
}

export async function failureOf(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string; details: FieldProblem[] } }
    return new ApiError(response.status, error.code, error.message, error.details)
  } catch {
    return new ApiError(response.status, 'INTERNAL', response.statusText)
  }
}
