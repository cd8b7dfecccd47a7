// The bar on top of every page.
import { Icon } from "@/components/Icon";

export function Header({ title }: { title: string }) {
  return (
    <header className="border-b border-line bg-surface">
      <div className="shell flex h-14 items-center gap-3">
        <span className="grid size-8 place-items-center rounded-lg bg-accent text-on-accent">
          <Icon name="check" className="stroke-[2.5]" />
        </span>
        <p className="min-w-0 truncate font-semibold tracking-tight">{title}</p>
      </div>
    </header>
  );
}
