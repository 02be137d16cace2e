{# Rows of value history: what is recomputed and differs from the row that is known, numbered with this snapshot. A key
   whose rows are all gone is written with zeros; nothing is ever overwritten.

   `history`: the table as earlier builds left it, or none; `touched`: relation of (merchant_id, slot) that were
   recomputed; `computed`: relation of keys and measures. #}
{% macro changed_values(history, touched, computed, keys, measures) -%}
{#- Asked before Trino is: it would only say that the history has no such column. -#}
{%- if history and var('upon_a_copy') -%}
    {%- do refuse_other_columns(history, keys + (measures | list) + ['snapshot', 'slot_month']) -%}
{%- endif -%}
    select
        {% for key in keys %}{{ 'n.' if not history else '' }}{{ key if not history else 'coalesce(n.' ~ key ~ ', k.' ~ key ~ ') as ' ~ key }},
        {% endfor -%}
        {% for name, type in measures.items() -%}
        cast(coalesce(n.{{ name }}, 0) as {{ type }}) as {{ name }},
        {% endfor -%}
        cast({{ var('snapshot') }} as bigint) as snapshot,
        date_trunc('month', cast({{ 'coalesce(n.slot, k.slot)' if history else 'n.slot' }} as date)) as slot_month
    from {{ computed }} as n
    {%- if history %}
    full outer join (
        select
            {% for key in keys %}h.{{ key }}, {% endfor -%}
            {% for name in measures %}max_by(h.{{ name }}, h.snapshot) as {{ name }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ history }} as h
        inner join {{ touched }} as t
            on h.merchant_id = t.merchant_id and h.slot = t.slot and h.slot_month = date_trunc('month', cast(t.slot as date))
        group by {% for key in keys %}h.{{ key }}{{ ', ' if not loop.last }}{% endfor %}
    ) as k
        on {% for key in keys %}n.{{ key }} = k.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    where
        {% for name in measures -%}
        coalesce(n.{{ name }}, 0) is distinct from k.{{ name }}{{ ' or ' if not loop.last }}
        {% endfor %}
    {%- endif %}
{%- endmacro %}
