// Why the server refused a form.
import { Icon } from "@/components/Icon";

export function Problem({ text }: { text: string }) {
  return (
    <p role="alert" className="flex gap-2 rounded-xl border border-danger/40 bg-danger-soft px-4 py-3 wrap-anywhere">
      <Icon name="warning" className="mt-0.5 text-danger" />
      {text}
    </p>
  );
}
